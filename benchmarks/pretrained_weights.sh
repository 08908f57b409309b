#!/usr/bin/env bash
# Trains the pretrained weights of the package, on real photos, and an independent quality model to score them by: about an hour and a
# half on two CPU cores that compute in bfloat16 (others: PRECISION=32-true, twice as long).
# Usage: benchmarks/pretrained_weights.sh LOL GOOD_PHOTOS LOW_LIGHT_PHOTOS VGG16_WEIGHTS [OUT]
# A run that was cut off goes on where it stopped.
#
# Who sees what: stage 1 sees the 399 LOL-v1 pairs below number 690, photos and scenes. Both discriminators' photos come from
# disjoint halves (unpaired.part), and 40 % of the low-light photos are held out from every training; stage 2 can be scored on
# those: evaluate quality_model=OUT/quality_model_artifacts/quality.pt.
# To put them into the package: python -m drbn_lightning.inference.release OUT/artifacts
set -euo pipefail
if [ $# -lt 4 ]; then
  sed -n '2,5s/^# //p' "$0" >&2
  exit 2
fi
lol=$1 good=$2 dark=$3 vgg=$4 out=${5:-outputs/pretrained}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}
common=(experiment=pretrained "data.parts.lol.root=\"$lol\"" "data.parts.photos.root=\"$good\"" data.num_workers=1 "unpaired.high=\"$good\""
  "unpaired.low=\"$dark\"" "unpaired.real_low=\"$dark\"" unpaired.num_workers=1 "perceptual.weights=\"$vgg\""
  "trainer.precision=${PRECISION:-bf16-mixed}")

train() { # name, then overrides
  "$python" -m drbn_lightning.train "${common[@]}" "paths.artifacts=\"$out/artifacts\"" "hydra.run.dir=\"$out/$1\"" resume=auto "${@:2}"
}

train band stage=band
train quality_model stage=quality seed=1 unpaired.part=1 "paths.artifacts=\"$out/quality_model_artifacts\"" "uses.band=\"$out/artifacts/band.pt\""
train quality stage=quality
train recompose stage=recompose
