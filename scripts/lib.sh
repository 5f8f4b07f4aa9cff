# Shared by the scripts: where we are, and a built tree.
ROOT="$PWD"

say() { printf '%s\n' "$*" >&2; }

# From this version on (better-sqlite3 needs it) the machine's own Node is used; beside an older one we bring ours:
# pinned, from the npm registry, into the cache.
NODE_MIN=22
NODE_OWN=24.21.0
NPM_OWN=11.21.2

CACHE="${COLDWATCH_CACHE:-$HOME/.cache/coldwatch}"

node_major() { node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

need_node() {
  [ "$(node_major)" -ge "$NODE_MIN" ] || use_own_node
  # Packages that are compiled here take this Node's headers, whatever a user's own .npmrc says.
  local home
  home=$(dirname "$(dirname "$(realpath "$(command -v node)")")")
  HEADERS=()
  [ ! -e "$home/include/node/node_version.h" ] || HEADERS=(--nodedir="$home")
}

use_own_node() {
  local arch home
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) arch=x64 ;;
    Linux-aarch64) arch=arm64 ;;
    *) say "Node.js $NODE_MIN or newer is needed, and for this kind of machine you must install it yourself."; exit 1 ;;
  esac
  home=$(runtime "$arch")
  export PATH="$home/bin:$PATH"
}

# runtime NPM_ARCH: where this architecture's Node.js is, with its headers and npm; fetched once.
runtime() {
  local home="$CACHE/node-$NODE_OWN-$1"
  [ -x "$home/bin/node" ] || fetch_node "$1" "$home"
  echo "$home"
}

fetch_node() {
  local arch=$1 home=$2 fresh
  command -v npm >/dev/null || { say "npm is missing. Install it: apt-get install npm"; exit 1; }
  say "Fetching Node.js $NODE_OWN for $arch (50 MB)..."
  fresh=$(mktemp -d)
  (
    cd "$fresh"
    npm pack --silent "node-linux-$arch@$NODE_OWN" "npm@$NPM_OWN" >/dev/null 2>npm.log ||
      { cat npm.log >&2; say "Node.js could not be fetched. Is the npm registry within reach?"; exit 1; }
    sha256sum --check --status --strict --ignore-missing "$ROOT/scripts/node/SHA256SUMS" ||
      { say "What was downloaded is not what scripts/node/SHA256SUMS names. Nothing was kept."; exit 1; }
    tar xzf "node-linux-$arch-$NODE_OWN.tgz"
    mkdir -p package/lib/node_modules/npm
    tar xzf "npm-$NPM_OWN.tgz" -C package/lib/node_modules/npm --strip-components=1
    ln -s ../lib/node_modules/npm/bin/npm-cli.js package/bin/npm
  ) || { rm -rf "$fresh"; exit 1; }
  mkdir -p "$CACHE"
  rm -rf "$home"
  mv "$fresh/package" "$home"
  rm -rf "$fresh"
}

# Installs packages when they are not what the lockfile names, or another Node installed them. Some native packages
# compile here.
ensure_installed() {
  need_node
  if [ "$(cat node_modules/.node 2>/dev/null)" = "$(node_major)" ]; then
    [ node_modules/.package-lock.json -nt package-lock.json ] && return
    node scripts/installed.mjs && { touch node_modules/.package-lock.json; return; }
  fi
  command -v c++ >/dev/null || { say "A C++ compiler is missing. Install it: apt-get install build-essential python3"; exit 1; }
  say "Installing packages (some are compiled here; this takes a minute or two)..."
  npm ci --no-audit --no-fund "${HEADERS[@]}" >/tmp/coldwatch-npm.$$ 2>&1 || { cat /tmp/coldwatch-npm.$$ >&2; exit 1; }
  rm -f /tmp/coldwatch-npm.$$
  # What is compiled for another Node is found out here, not in a clinic.
  node -e 'require("epoll")' || { say "Packages were compiled for another Node.js than $(node --version)."; exit 1; }
  touch node_modules/.package-lock.json
  node_major >node_modules/.node
}

# Builds when any source is newer than the last build.
ensure_built() {
  ensure_installed
  if [ -e dist/.built ] && [ -z "$(find core host agent relay lab cli test tsconfig.json package-lock.json -newer dist/.built -print -quit)" ]; then
    return
  fi
  say "Building..."
  node_modules/.bin/tsc -p .
  touch dist/.built
}
