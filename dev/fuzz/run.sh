#!/usr/bin/env bash
# Fuzzes the reader for the given number of seconds (default 300), seeded with the files of the tests.
# Needs a nightly toolchain and cargo-fuzz. One input may take at most 5 s and 1 GiB.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p corpus/reader
exec cargo +nightly fuzz run --fuzz-dir . reader corpus/reader \
    ../../tests/dicom/files ../../tests/golden/images ../../tests/images ../../tests/hostile -- \
    -dict=dicom.dict -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=1024 -max_len=65536 -max_total_time="${1:-300}"
