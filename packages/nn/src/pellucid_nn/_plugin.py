"""What this family registers. Imports no NumPy and no model, so that listing stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid import ComponentSpec, ModelSpec, hookimpl

BACKPROPAGATION = 'Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors"'
ADAM = 'Kingma & Ba (2015), "Adam: a method for stochastic optimization"'


@hookimpl
def pellucid_models() -> Iterator[ModelSpec]:
    yield ModelSpec(
        id="nn/mlp-classifier",
        target="pellucid_nn.mlp_classifier:MLPClassifier",
        summary="Multilayer perceptron for classes, trained by Adam or SGD",
        tasks=("classification",),
        aliases=("mlp",),
        tags=("neural network", "multi-class", "sample weights", "online"),
        references=(BACKPROPAGATION, ADAM),
        smoke={"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 60, "random_state": 0},
    )
    yield ModelSpec(
        id="nn/mlp-regressor",
        target="pellucid_nn.mlp_regressor:MLPRegressor",
        summary="Multilayer perceptron for numbers, trained by Adam or SGD",
        tasks=("regression",),
        tags=("neural network", "multi-output", "sample weights", "online"),
        references=(BACKPROPAGATION, ADAM),
        smoke={"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 60, "random_state": 0},
    )


@hookimpl
def pellucid_components() -> Iterator[ComponentSpec]:
    for name, kind, target, summary in (
        ("linear", "layer", "linear:Linear", "Weighted sums of all inputs, plus a bias"),
        ("embedding", "layer", "embedding:Embedding", "A table of vectors, one for each number"),
        ("embedding-bag", "layer", "embedding:EmbeddingBag", "Sum, mean or maximum of the vectors of a bag"),
        ("conv1d", "layer", "conv1d:Conv1d", "Kernels that slide along sequences, causal too"),
        ("conv2d", "layer", "conv2d:Conv2d", "Kernels that slide over images"),
        ("conv-transpose2d", "layer", "conv_transpose2d:ConvTranspose2d", "Kernels painted into larger images"),
        ("max-pool-2d", "layer", "max_pool2d:MaxPool2d", "The largest entry of every window"),
        ("avg-pool-2d", "layer", "avg_pool2d:AvgPool2d", "The mean of every window"),
        (
            "batch-norm-1d",
            "layer",
            "batch_norm:BatchNorm1d",
            "Channels of vectors or sequences normalized over the batch",
        ),
        ("batch-norm-2d", "layer", "batch_norm:BatchNorm2d", "Channels of images normalized over the batch"),
        ("layer-norm", "layer", "layer_norm:LayerNorm", "Every example normalized by its own mean and variance"),
        ("dropout", "layer", "dropout:Dropout", "Random entries set to 0 while training"),
        (
            "drop-connect",
            "layer",
            "drop_connect:DropConnect",
            "A linear layer that loses random weights while training",
        ),
        ("rnn-cell", "layer", "rnn:RNNCell", "One step of an Elman network"),
        ("rnn", "layer", "rnn:RNN", "Elman network over sequences"),
        ("lstm-cell", "layer", "lstm_cell:LSTMCell", "One step of long short-term memory"),
        ("lstm", "layer", "lstm:LSTM", "Long short-term memory over sequences"),
        ("gru-cell", "layer", "gru:GRUCell", "One step of a gated recurrent unit"),
        ("gru", "layer", "gru:GRU", "Gated recurrent units over sequences"),
        (
            "bidirectional-lstm",
            "layer",
            "bidirectional:BidirectionalLSTM",
            "LSTM in both directions, merged by concat, sum, mean or product",
        ),
        (
            "dot-product-attention",
            "layer",
            "dot_product_attention:DotProductAttention",
            "Means of values, weighted by how well keys fit a query",
        ),
        (
            "multi-head-attention",
            "layer",
            "multi_head_attention:MultiheadAttention",
            "Several attentions side by side, with projections",
        ),
        (
            "positional-encoding",
            "layer",
            "positional_encoding:PositionalEncoding",
            "Adds sines and cosines of the position",
        ),
        ("sequential", "module", "sequential:Sequential", "Modules applied one after the other"),
        (
            "transformer-encoder-layer",
            "module",
            "transformer_encoder_layer:TransformerEncoderLayer",
            "Self-attention and a feed-forward network, pre- or post-norm",
        ),
        (
            "transformer-decoder-layer",
            "module",
            "transformer_decoder_layer:TransformerDecoderLayer",
            "Self-attention, attention to a memory, and a feed-forward network",
        ),
        ("relu", "activation", "activations:ReLU", "max(x, 0)"),
        ("tanh", "activation", "activations:Tanh", "Hyperbolic tangent"),
        ("sigmoid", "activation", "activations:Sigmoid", "Logistic function 1 / (1 + exp(-x))"),
        ("cross-entropy", "loss", "cross_entropy:CrossEntropyLoss", "Softmax and cross-entropy for classes"),
        ("mse", "loss", "squared_error:MSELoss", "Squared error for numbers"),
        ("sgd", "optimizer", "sgd:SGD", "Stochastic gradient descent with momentum"),
        ("adam", "optimizer", "adam:Adam", "Step lengths from moving averages of the gradient"),
        ("identity", "activation", "activations:Identity", "x itself"),
        ("affine", "activation", "activations:Affine", "A fixed line"),
        ("leaky-relu", "activation", "activations:LeakyReLU", "x, with another slope below 0"),
        ("elu", "activation", "activations:ELU", "x, bent towards -alpha below 0"),
        ("selu", "activation", "activations:SELU", "The ELU that keeps mean 0 and variance 1"),
        ("gelu", "activation", "activations:GELU", "x times the normal distribution function"),
        ("silu", "activation", "activations:SiLU", "x times its sigmoid (swish)"),
        ("exponential", "activation", "activations:Exponential", "exp(x)"),
        ("hard-sigmoid", "activation", "activations:Hardsigmoid", "A line cut at 0 and 1"),
        ("softplus", "activation", "activations:Softplus", "log(1 + exp(x)), a rounded ReLU"),
        ("softmax", "activation", "softmax:Softmax", "Probabilities from scores"),
        ("log-softmax", "activation", "softmax:LogSoftmax", "Log-probabilities from scores"),
        ("add", "layer", "merging:Add", "Sum of several inputs"),
        ("multiply", "layer", "merging:Multiply", "Product of several inputs"),
        ("flatten", "layer", "merging:Flatten", "Several axes as one"),
        (
            "identity-block",
            "layer",
            "residual_block:IdentityBlock",
            "Two convolutions whose result is added to their input",
        ),
        (
            "convolutional-block",
            "layer",
            "residual_block:ConvolutionalBlock",
            "Two convolutions beside a shortcut that adapts channels and size",
        ),
        (
            "wavenet-block",
            "layer",
            "wavenet_block:WaveNetBlock",
            "Gated, dilated causal convolution with residual and skip",
        ),
        (
            "restricted-boltzmann-machine",
            "module",
            "restricted_boltzmann_machine:RestrictedBoltzmannMachine",
            "A distribution over rows of bits, trained by contrastive divergence",
        ),
        (
            "sparse-evolutionary",
            "layer",
            "sparse_evolutionary:SparseEvolutionary",
            "A linear layer with few connections that prunes and regrows them",
        ),
        ("bce", "loss", "binary_cross_entropy:BCELoss", "Binary cross-entropy of probabilities"),
        (
            "bce-with-logits",
            "loss",
            "binary_cross_entropy:BCEWithLogitsLoss",
            "Sigmoid and binary cross-entropy in one",
        ),
        ("hinge", "loss", "hinge:HingeLoss", "What a score lacks to win by a margin"),
        ("hinge-embedding", "loss", "hinge:HingeEmbeddingLoss", "Distances of pairs that belong together or apart"),
        ("multi-margin", "loss", "hinge:MultiMarginLoss", "Hinge loss for classes"),
        ("l1", "loss", "huber:L1Loss", "Absolute error"),
        ("huber", "loss", "huber:HuberLoss", "Squared error near the target, absolute error far from it"),
        ("smooth-l1", "loss", "huber:SmoothL1Loss", "Absolute error with a rounded corner"),
        ("vae", "loss", "vae_loss:BernoulliVAELoss", "Reconstruction plus closed-form KL divergence"),
        (
            "wgan-gp",
            "loss",
            "wasserstein_gradient_penalty:WassersteinGradientPenalty",
            "Wasserstein critic with gradient penalty",
        ),
        ("nce", "loss", "noise_contrastive_estimation:NCELoss", "Words told from noise, without a softmax"),
        ("alias-sampler", "sampler", "alias_sampler:AliasSampler", "Draws from K things in constant time"),
        ("adagrad", "optimizer", "adagrad:Adagrad", "Steps shrink with all gradients seen"),
        ("rmsprop", "optimizer", "rmsprop:RMSprop", "Steps divided by the recent size of the gradient"),
        ("adamw", "optimizer", "adamw:AdamW", "Adam with decoupled weight decay"),
        ("constant-lr", "scheduler", "schedulers:ConstantLR", "A share of the rate, then all of it"),
        ("linear-lr", "scheduler", "schedulers:LinearLR", "Straight-line warm-up or decay"),
        ("step-lr", "scheduler", "schedulers:StepLR", "Drops in stages"),
        ("exponential-lr", "scheduler", "schedulers:ExponentialLR", "Exponential decay, smooth or staged"),
        ("cosine-lr", "scheduler", "schedulers:CosineAnnealingLR", "Half a cosine"),
        ("noam-lr", "scheduler", "schedulers:NoamLR", "The Transformer's schedule"),
        ("cosine-warmup", "scheduler", "schedulers:CosineWarmup", "Warm-up, then a cosine"),
        (
            "dlib-scheduler",
            "scheduler",
            "dlib_scheduler:DlibScheduler",
            "Lowers the rate when a test finds the loss no longer falls",
        ),
        ("trainer", "training", "trainer:Trainer", "Epochs, validation, early stopping, checkpoints"),
    ):
        yield ComponentSpec(id=f"nn/{name}", kind=kind, target=f"pellucid_nn.{target}", summary=summary)
