# Shared by the scripts: where we are, and a built tree.
ROOT="$PWD"

say() { printf '%s\n' "$*" >&2; }

need_node() {
  command -v node >/dev/null || { say "Node.js is missing. Install version 20 or newer (Debian 13: apt-get install nodejs npm)."; exit 1; }
  local major
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || { say "Node.js $major is too old: version 20 or newer is needed."; exit 1; }
}

# Installs packages when the lockfile is newer than what is installed. Native packages compile here.
ensure_installed() {
  need_node
  [ node_modules/.package-lock.json -nt package-lock.json ] && return
  command -v c++ >/dev/null || { say "A C++ compiler is missing. Install it: apt-get install build-essential python3"; exit 1; }
  say "Installing packages (some are compiled here; this takes a minute or two)..."
  npm ci --no-audit --no-fund >/tmp/coldwatch-npm.$$ 2>&1 || { cat /tmp/coldwatch-npm.$$ >&2; exit 1; }
  rm -f /tmp/coldwatch-npm.$$
  touch node_modules/.package-lock.json
}

# Builds when any source is newer than the last build.
ensure_built() {
  ensure_installed
  if [ -e dist/.built ] && [ -z "$(find core agent relay cli test tsconfig.json package-lock.json -newer dist/.built -print -quit)" ]; then
    return
  fi
  say "Building..."
  node_modules/.bin/tsc -p .
  touch dist/.built
}
