#!/usr/bin/env bash
# Trains the pretrained weights of the package on real photos, by experiment=modern, with an independent quality model beside them.
# Usage: benchmarks/pretrained_weights.sh LOL GOOD_PHOTOS LOW_LIGHT_PHOTOS VGG16_WEIGHTS [OUT]
# A run that was cut off goes on where it stopped. STEPS=20000 COOLDOWN=4000 (of stage 1), CROP=128 (its crops' side), INIT=band.pt
# (weights to start from), NETWORK=drbn_small and PRECISION=bf16-mixed (where the processor computes in it) change what they say.
#
# Who sees what: stage 1 sees all of our485 (24 pairs choose the best network), the photos and scenes, never eval15. Both
# discriminators' photos come from disjoint halves (unpaired.part), and a fifth of the low-light photos is held out from training.
# To put them into the package: python -m drbn_lightning.inference.release OUT/artifacts --network drbn
set -euo pipefail
if [ $# -lt 4 ]; then
  sed -n '2,5s/^# //p' "$0" >&2
  exit 2
fi
lol=$1 good=$2 dark=$3 vgg=$4 out=${5:-outputs/pretrained}
steps=${STEPS:-20000} cooldown=${COOLDOWN:-4000}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}
common=(experiment=modern "network=${NETWORK:-drbn}" "data.crop_size=${CROP:-128}" "data.parts.lol.root=\"$lol\""
  "data.parts.photos.root=\"$good\"" data.num_workers=1 "unpaired.high=\"$good\""
  "unpaired.low=\"$dark\"" "unpaired.real_low=\"$dark\"" unpaired.num_workers=1 "perceptual.weights=\"$vgg\""
  "trainer.precision=${PRECISION:-32-true}")

train() { # name, then overrides
  "$python" -m drbn_lightning.train "${common[@]}" "paths.artifacts=\"$out/artifacts\"" "hydra.run.dir=\"$out/$1\"" resume=auto "${@:2}"
}

start=(${INIT:+"init=\"$INIT\"" init_partial=true})
train band stage=band "trainer.max_steps=$steps" "cooldown=$cooldown" "${start[@]}"
train quality_model stage=quality seed=1 unpaired.part=1 "paths.artifacts=\"$out/quality_model_artifacts\"" "uses.band=\"$out/artifacts/band.pt\""
train quality stage=quality
train recompose stage=recompose
