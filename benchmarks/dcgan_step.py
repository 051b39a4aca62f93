"""One training step of the Keras examples' DCGAN, batch 64: the plain script against ours, in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.common import in_turns, print_machine, print_table, random_images  # first: sets TensorFlow's log level

import keras  # isort: skip
import tensorflow as tf  # isort: skip

import tfgen
from benchmarks.baselines import PlainGAN, keras_example_discriminator, keras_example_generator
from tfgen.layers.exact_bias import ExactConv2D, ExactConv2DTranspose
from tfgen.layers.narrow import NarrowConv2D
from tfgen.precision import fastest_policy

BATCH_SIZE = 64


class OnePassGAN(PlainGAN):
    """The example's model whose generator runs once a step."""

    def train_step(self, real_images: tf.Tensor) -> dict[str, Any]:
        """Updates the discriminator on the images as data, then the generator through the same images."""
        batch_size = tf.shape(real_images)[0]
        latents = keras.random.normal((batch_size, self.latent_dim), seed=self.seed_generator)
        with tf.GradientTape() as generator_tape:
            images = self.generator(latents, training=True)
        combined_images = tf.concat([tf.stop_gradient(images), real_images], axis=0)
        labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
        labels += 0.05 * tf.random.uniform(tf.shape(labels))
        with tf.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(combined_images, training=True))
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights, strict=True))

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            g_loss = self.loss_fn(tf.zeros((batch_size, 1)), self.discriminator(images, training=True))
        upstream = tape.gradient(g_loss, images)
        grads = generator_tape.gradient(images, self.generator.trainable_weights, output_gradients=upstream)
        self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights, strict=True))
        self.gen_loss_tracker.update_state(g_loss)
        self.disc_loss_tracker.update_state(d_loss)
        return {"g_loss": self.gen_loss_tracker.result(), "d_loss": self.disc_loss_tracker.result()}


def fast_generator(dtype: Any = None) -> keras.Model:
    """Builds the example's generator of our layers."""
    return keras_example_generator(transposed=ExactConv2DTranspose, last=NarrowConv2D, dtype=dtype)


def fast_discriminator(dtype: Any = None) -> keras.Model:
    """Builds the example's discriminator of our layers."""
    return keras_example_discriminator(convolution=ExactConv2D, dtype=dtype)


def stepper(model: keras.Model) -> Callable[[], None]:
    """Returns a function that makes one step exactly as `fit` does, and waits for it."""
    if isinstance(model, tfgen.GAN):
        model.compile(keras.optimizers.Adam(3e-4), keras.optimizers.Adam(3e-4))
    else:
        model.compile()
        model.g_optimizer.build(model.generator.trainable_variables)
        model.d_optimizer.build(model.discriminator.trainable_variables)
    model.make_train_function()
    batches = iter(tf.data.Dataset.from_tensors(random_images(BATCH_SIZE)).repeat())

    def step() -> None:
        logs = model.train_function(batches)
        float(logs["generator_loss" if isinstance(model, tfgen.GAN) else "g_loss"])

    return step


def main() -> None:
    """Prints the table."""
    policy = fastest_policy()
    networks = {"generator": fast_generator(policy), "discriminator": fast_discriminator(policy)}
    contestants = {
        "plain Keras script, float32": PlainGAN(keras_example_discriminator(), keras_example_generator()),
        "the same, generator run once a step": OnePassGAN(keras_example_discriminator(), keras_example_generator()),
        "the same, our layers": OnePassGAN(fast_discriminator(), fast_generator()),
    }
    if policy != "float32":
        contestants[f"the same, {policy}"] = OnePassGAN(fast_discriminator(policy), fast_generator(policy))
        contestants[f"only {policy}: plain Keras script"] = PlainGAN(
            keras_example_discriminator(dtype=policy), keras_example_generator(dtype=policy)
        )
    contestants[f"tfgen.GAN of these networks, precision auto: {policy}"] = tfgen.GAN((28, 28, 1), latent_dim=128, **networks)
    print("## DCGAN of the Keras examples: one training step, batch 64\n")
    print_machine()
    times = in_turns({name: stepper(model) for name, model in contestants.items()})
    baseline = next(iter(times.values()))
    print_table(["step", "ms", "times as fast"], [[name, time, f"{baseline / time:.2f}"] for name, time in times.items()])
    print(
        "Same networks, same update order, same algorithm as the baseline; the generator runs once a step: the\n"
        "discriminator's update uses stop_gradient of the very images whose gradient the generator's update continues,\n"
        "which is drawing the same noise for both. tfgen.GAN leaves out the example's noise on the labels."
    )


if __name__ == "__main__":
    main()
