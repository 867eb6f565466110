// malloc_trim() of the GNU C library: all arenas, whole pages in their middle too.
#include "platform/free_memory.h"

#include <malloc.h>

namespace etb {

bool give_back_free_memory() {
  return ::malloc_trim(0) == 1;
}

}  // namespace etb
