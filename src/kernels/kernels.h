// Our operators, for the `kernel_registry` argument of Program::load_method. Method-scoped: nothing
// is registered globally, nothing can collide.
#pragma once

#include <executorch/runtime/core/span.h>
#include <executorch/runtime/kernel/operator_registry.h>

namespace etb::kernels {

// Lives as long as the program.
::executorch::runtime::Span<const ::executorch::runtime::Kernel> operators();

}  // namespace etb::kernels
