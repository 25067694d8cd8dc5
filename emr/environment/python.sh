#!/bin/sh
# ./environment/bin/python: starts the worker's own Python 3.11 as a virtual environment of this folder.
# A venv that was made elsewhere names an interpreter that is not here, so the link to it is made here, at the first start.
set -e
bin=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P)
home=$(dirname -- "$bin")
if [ ! -x "$bin/python3.11" ] && [ ! -w "$bin" ]; then
  # a folder that nobody may write to: the links go to one of our own
  home=${TMPDIR:-/tmp}/telematics-environment-$(id -u)-$(printf %s "$bin" | cksum | tr -d ' ')
  mkdir -p -m 700 "$home/bin"
  [ -O "$home" ] || { echo "environment: $home is another user's" >&2; exit 126; }
  [ -e "$home/lib" ] || ln -s "$(dirname -- "$bin")/lib" "$home/lib" 2>/dev/null || [ -e "$home/lib" ]
  bin=$home/bin
fi
if [ ! -x "$bin/python3.11" ]; then
  for candidate in "${TELEMATICS_PYTHON:-}" /usr/bin/python3.11 /usr/local/bin/python3.11 "$(command -v python3.11 || :)"; do
    [ -n "$candidate" ] && [ -x "$candidate" ] || continue
    # the interpreter itself, where the candidate is a shim or of another virtual environment
    base=$(env -u PYTHONPATH -u PYTHONHOME "$candidate" -c \
      'import sys; assert sys.version_info[:2] == (3, 11); print(sys._base_executable)' 2>/dev/null) || continue
    printf 'home = %s\ninclude-system-site-packages = false\n' "$(dirname -- "$base")" > "$home/pyvenv.cfg.$$"
    mv -f "$home/pyvenv.cfg.$$" "$home/pyvenv.cfg"
    # complete before its name is there: other processes start at the same time
    ln -s "$base" "$bin/python3.11.$$"
    mv -f "$bin/python3.11.$$" "$bin/python3.11"
    break
  done
fi
[ -x "$bin/python3.11" ] || { echo "environment: there is no Python 3.11 on $(uname -n)" >&2; exit 127; }
exec "$bin/python3.11" "$@"
