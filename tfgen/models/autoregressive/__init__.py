"""The autoregressive family."""

from __future__ import annotations

from tfgen.models.autoregressive.base import AutoregressiveModel
from tfgen.models.autoregressive.fvbn import FVBN
from tfgen.models.autoregressive.gated_pixelcnn import GatedPixelCNN
from tfgen.models.autoregressive.made import MADE
from tfgen.models.autoregressive.nade import NADE
from tfgen.models.autoregressive.pixel_rnn import PixelRNN
from tfgen.models.autoregressive.pixelcnn import PixelCNN
from tfgen.models.autoregressive.wavenet import WaveNet

__all__ = ["FVBN", "MADE", "NADE", "AutoregressiveModel", "GatedPixelCNN", "PixelCNN", "PixelRNN", "WaveNet"]
