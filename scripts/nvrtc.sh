# Sourced: puts NVRTC on LD_LIBRARY_PATH, so that the tests that compile the kernels with it run. Where the system has none and apt is Debian's,
# it is fetched from the component non-free of the distribution in use (17 MB, once); without it those tests say so and are left out.
nvrtc_fetch() {
    local folder=$1 work repository release
    work=$(mktemp -d) || return 1
    read -r repository release < <(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' 'Origin: Debian' | grep -v -e '-updates' -e '-security' | head -n 1)
    [[ -n ${release:-} ]] || return 1
    echo "deb $repository $release non-free" >"$work/sources.list"
    mkdir -p "$work/lists/partial" "$work/root" "$folder"
    local apt=(apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists="$work/lists")
    "${apt[@]}" update &&
        (cd "$work" && "${apt[@]}" download libnvrtc11.2 libnvrtc-builtins11.8) &&
        for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done &&
        find "$work/root" -name 'libnvrtc*.so*' -exec cp -P {} "$folder/" \;
    rm -rf "$work"
}

if ! ldconfig -p 2>/dev/null | grep -q libnvrtc; then
    nvrtc=${XDG_CACHE_HOME:-$HOME/.cache}/functional/nvrtc
    if [[ ! -e $nvrtc/libnvrtc.so.11.2 ]] && command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
        export -f nvrtc_fetch
        timeout 90 bash -c 'nvrtc_fetch "$1"' fetch "$nvrtc" >/dev/null 2>&1 || echo "NVRTC could not be fetched."
    fi

    if [[ -e $nvrtc/libnvrtc.so.11.2 ]]; then
        export LD_LIBRARY_PATH=$nvrtc${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    fi
fi
