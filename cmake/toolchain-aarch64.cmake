# Cross build for 64-bit ARM Linux on Debian; tests run under qemu-user with every optional CPU feature on.
# Foreign packages (name:arm64) live in the multi-arch folders of the host's own root, so there is no sysroot,
# and qemu finds the ARM loader and libraries where an ARM machine would.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-cpu;max)
# Not every pkg-config has a wrapper for the target: the host's, pointed at the target's files, always works.
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_PATH} "")
