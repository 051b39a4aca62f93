#!/usr/bin/env bash
# Asks TensorFlow Serving for samples over REST with bash and curl: bash sample.sh [SEED [N [LABEL [URL]]]]
# `bash sample.sh row-seeds SEED N` prints the row seeds alone.
# Placeholders: name, rest_port, signature, output, ending, takes_label.
set -euo pipefail

# Arithmetic of bash is 64 bits in two's complement: products wrap as they should, right shifts must drop the copies of the sign.
shift_right() { shifted=$(( ($1 >> $2) & ((1 << (64 - $2)) - 1) )); }

# The SplitMix64 finalizer.
mix() {
  local value=$(( $1 ))
  shift_right "$value" 30; value=$(( (value ^ shifted) * 0xBF58476D1CE4E5B9 ))
  shift_right "$value" 27; value=$(( (value ^ shifted) * 0x94D049BB133111EB ))
  shift_right "$value" 31; mixed=$(( value ^ shifted ))
}

# One seed per row from one seed for all, as tfgen.random.row_seeds does it.
row_seeds() {
  local gamma=$(( 0x9E3779B97F4A7C15 )) base i
  mix $(( $1 + gamma )); base=$mixed
  for (( i = 1; i <= $2; i++ )); do
    mix $(( base + i * gamma )); shift_right "$mixed" 11; echo "$shifted"
  done
}

if [ "${1:-}" = row-seeds ]; then row_seeds "$2" "$3"; exit; fi

label=${3:-0}
url=${4:-http://127.0.0.1:@{rest_port}/v1/models/@{name}:predict}
rows=""
for seed in $(row_seeds "${1:-0}" "${2:-4}"); do
  if [ "@{takes_label}" = yes ]; then row="{\"seed\": $seed, \"label\": $label}"; else row="{\"seed\": $seed}"; fi
  rows="${rows:+$rows, }$row"
done
answer=$(curl --silent --show-error --fail-with-body --header "Content-Type: application/json" \
  --data "{\"signature_name\": \"@{signature}\", \"instances\": [$rows]}" "$url") || { echo "$answer" >&2; exit 1; }

# One file per row for an output of bytes; else the whole answer.
if [[ "@{output}" == *_bytes ]]; then
  i=0
  for encoded in $(grep -o '"b64": *"[^"]*"' <<< "$answer" | cut -d '"' -f 4); do
    base64 --decode <<< "$encoded" > "sample-$i@{ending}"; echo "sample-$i@{ending}"; i=$((i + 1))
  done
else
  echo "$answer"
fi
