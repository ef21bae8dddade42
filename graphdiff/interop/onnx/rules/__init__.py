"""The rules by which ONNX's operators are read, by kin. Importing this room gives all of them to the table."""

from . import attention as attention
from . import control as control
from . import convolution as convolution
from . import elementwise as elementwise
from . import losses as losses
from . import ml as ml
from . import movement as movement
from . import normalisation as normalisation
from . import padding as padding
from . import pooling as pooling
from . import random as random
from . import recurrent as recurrent
from . import reductions as reductions
from . import resize as resize
from . import sampling as sampling
from . import scatter as scatter
from . import signal as signal
