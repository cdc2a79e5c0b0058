#!/usr/bin/env bash
# Builds the images of the docker lab and of the bundled peers in the engine
# that the environment names. Nothing is fetched but what package-lock.json of
# the JavaScript peers pins, and that before any image is built.
#
# usage: nat-images/build.sh FOLDER     for what the images are made of
#
# NODE_BASE is the image that those of the JavaScript peers are based on:
# unless it is set node:22-slim where the engine has it, else one that is made
# of this machine's own Node. GOARCH is the engine's, if it is not this
# machine's.
set -euo pipefail

folder=${1:?"usage: $0 FOLDER"}
here=$(dirname "$0")
cd "$here/.."

docker info >/dev/null 2>&1 || {
	echo "no container engine answers: start one (dockerd), or name another by DOCKER_HOST" >&2
	exit 2
}

# build IMAGE FOLDER [FLAG...]: says why, when it fails, and else only what was built.
build() {
	local image=$1 context=$2 said
	shift 2
	if ! said=$(docker build -q -t "$image" "$@" "$context" 2>&1); then
		echo "$said" >&2
		exit 1
	fi
	echo "$image"
}

# A client without buildx says at each call that it has none, unless it is told.
if ! docker buildx version >/dev/null 2>&1; then export DOCKER_BUILDKIT=0; fi

for program in nat-images/natbox nat-images/pod reference/cmd/latica-peer; do
	name=${program##*/}
	mkdir -p "$folder/$name"
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags='-s -w' -o "$folder/$name/$name" "./$program"
	case $name in
	latica-peer) build punchlist/reference:dev "$folder/$name" -f "$program/Containerfile.testee" ;;
	*) build "punchlist/$name:dev" "$folder/$name" -f "$program/Dockerfile" ;;
	esac
done

base=${NODE_BASE:-}
if [ -z "$base" ] && docker image inspect node:22-slim >/dev/null 2>&1; then base=node:22-slim; fi
if [ -z "$base" ]; then
	base=punchlist/node-base:dev
	"$here/node-base.sh" "$folder/node-base"
	build "$base" "$folder/node-base"
	echo "    of this machine's Node, $(node --version): the engine has no image node:22-slim"
fi
for name in socket-0.6 socket-0.5; do
	source=harness/testees/$name
	mkdir -p "$folder/$name/$name"
	cp harness/testees/*.mjs "$folder/$name/"
	cp "$source"/{adapter.mjs,package.json,package-lock.json} "$folder/$name/$name/"
	# Written last and inside, it goes when they go.
	installed=$folder/$name/$name/node_modules/.installed
	if ! cmp -s "$source/package-lock.json" "$installed"; then
		npm ci --prefix "$folder/$name/$name" --ignore-scripts --omit=optional --no-audit --no-fund --no-update-notifier >/dev/null
		cp "$source/package-lock.json" "$installed"
	fi
	build "punchlist/$name:dev" "$folder/$name" --build-arg "BASE=$base" -f "$source/Dockerfile"
done
