#!/usr/bin/env bash
# Trains the pretrained weights of the package on real photos, by experiment=modern, with an independent quality model beside them.
# Usage: benchmarks/pretrained_weights.sh LOL GOOD_PHOTOS VGG16_WEIGHTS [OUT]
# A run that was cut off goes on where it stopped. STEPS=20000 COOLDOWN=4000 CROP=128 (the crops' side, all of stage 1), INIT=band.pt
# (weights to start from), NETWORK=drbn_small and PRECISION=bf16-mixed (where the processor computes in it) change what they say.
#
# Who sees what: both stages see all of our485 (some pairs choose the best network), the photos and scenes, never eval15. Both
# discriminators' photos come from disjoint halves (unpaired.part), spoilt in measured doses; the quality model has never seen four of
# the kinds, so its rank correlation on these says what it is worth. The low-light photos are our485's low images, a fifth of which
# is held out from training.
# To put them into the package: python -m drbn_lightning.inference.release OUT/artifacts --network drbn
set -euo pipefail
if [ $# -lt 3 ]; then
  sed -n '2,5s/^# //p' "$0" >&2
  exit 2
fi
lol=$1 good=$2 vgg=$3 out=${4:-outputs/pretrained}
steps=${STEPS:-20000} cooldown=${COOLDOWN:-4000}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}
common=(experiment=modern "network=${NETWORK:-drbn}" "data.parts.lol.root=\"$lol\"" "data.parts.photos.root=\"$good\""
  data.num_workers=1 "unpaired.photos=\"$good\"" "unpaired.real_low=\"$lol/our485/low\"" unpaired.num_workers=1
  "perceptual.weights=\"$vgg\"" "trainer.precision=${PRECISION:-32-true}")

train() { # name, then overrides
  "$python" -m drbn_lightning.train "${common[@]}" "paths.artifacts=\"$out/artifacts\"" "hydra.run.dir=\"$out/$1\"" resume=auto "${@:2}"
}

start=(${INIT:+"init=\"$INIT\"" init_partial=true})
train band stage=band "data.crop_size=${CROP:-128}" "trainer.max_steps=$steps" "cooldown=$cooldown" "${start[@]}"
train quality_model stage=quality seed=1 unpaired.part=1 "unpaired.hold_out_kinds=[contrast,cast,grain,halo]" "paths.artifacts=\"$out/quality_model_artifacts\"" "uses.band=\"$out/artifacts/band.pt\""
train quality stage=quality
train recompose stage=recompose
