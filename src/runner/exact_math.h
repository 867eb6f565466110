// exp and log in double that give the same bits on every machine: only +, -, *, / and exact
// scaling, each rounded once (the build never contracts). Relative error below 1e-15: for
// probabilities, not for kernels, which have their own in float.
#pragma once

namespace etb::runner {

// exp(x) for x <= 0 (the caller has taken the maximum off); 0 below -708; larger x count as 0.
double exact_exp(double x);

// log(x) for finite x >= 2^-1022; the caller guarantees it.
double exact_log(double x);

}  // namespace etb::runner
