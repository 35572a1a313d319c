namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>A smooth increasing or decreasing function with its inverse and the logarithm of its derivative's magnitude, element by element.</summary>
type Bijection =
    {
        Forward: Tensor -> Tensor
        Inverse: Tensor -> Tensor
        /// log |f'(x)|, at x rather than at f(x).
        LogDerivative: Tensor -> Tensor
    }

/// <summary>A probability distribution: a value whose parameters are tensors, and derivatives flow through all of them.</summary>
/// <remarks>
/// Parameters of different shapes are repeated to a common one, a distribution for each element. Multivariate ones, the categorical and Dirichlet's have their
/// event along the last axis.
/// </remarks>
type Distribution =
    /// Density exp(-((x - mean) / deviation)^2 / 2) / (deviation sqrt(2 pi)).
    | Normal of Mean: Tensor * Deviation: Tensor
    /// Of a vector, its covariance factor factor' with a lower triangular factor (Cholesky's) of positive diagonal.
    | MultivariateNormal of Mean: Tensor * Factor: Tensor
    /// Density 1 / (high - low) in [low, high].
    | Uniform of Low: Tensor * High: Tensor
    /// 1 with probability sigmoid(logits), else 0.
    | Bernoulli of Logits: Tensor
    /// Class k with probability softmax(logits)[k].
    | Categorical of Logits: Tensor
    /// Density rate^shape x^(shape - 1) e^(-rate x) / Gamma(shape) for x > 0.
    | Gamma of Shape: Tensor * Rate: Tensor
    /// Density x^(a - 1) (1 - x)^(b - 1) / B(a, b) in (0, 1).
    | Beta of A: Tensor * B: Tensor
    /// Density of probabilities proportional to the product of x_k^(concentration_k - 1).
    | Dirichlet of Concentration: Tensor
    /// k = 0, 1, ... with probability rate^k e^-rate / k!.
    | Poisson of Rate: Tensor
    /// Density rate e^(-rate x) for x >= 0.
    | Exponential of Rate: Tensor
    /// Density exp(-|x - location| / scale) / (2 scale).
    | Laplace of Location: Tensor * Scale: Tensor
    /// Density proportional to (1 + z^2 / freedom)^(-(freedom + 1) / 2) with z = (x - location) / scale.
    | StudentT of Freedom: Tensor * Location: Tensor * Scale: Tensor
    /// Density exp(concentration cos(x - location)) / (2 pi I0(concentration)) on the circle (-pi, pi].
    | VonMises of Location: Tensor * Concentration: Tensor
    /// One of the components, all of numbers or all of vectors, with probabilities softmax(logits), which are the same everywhere.
    | Mixture of Logits: Tensor * Components: Distribution list
    /// What a bijection makes of another distribution of numbers.
    | Transformed of Base: Distribution * Bijection: Bijection

/// Bijections for <c>Transformed</c>.
[<RequireQualifiedAccess>]
module Bijections =
    /// e^x: of a normal, the log-normal.
    let exp: Bijection =
        { Forward = exp
          Inverse = log
          LogDerivative = id }

    /// sigmoid(x): of a normal, the logit-normal.
    let sigmoid: Bijection =
        { Forward = Tensor.sigmoid
          Inverse = fun y -> log y - Tensor.log1p (-y)
          LogDerivative = fun x -> -(Tensor.softplus x) - Tensor.softplus (-x) }

    /// tanh(x).
    let tanh: Bijection =
        { Forward = tanh
          Inverse = Tensor.atanh
          LogDerivative = fun x -> 2.0 * (Math.Log 2.0 - x - Tensor.softplus (-2.0 * x)) }

    /// shift + scale x.
    let affine (shift: Tensor) (scale: Tensor) : Bijection =
        { Forward = fun x -> shift + scale * x
          Inverse = fun y -> (y - shift) / scale
          LogDerivative = fun x -> log (abs scale) + Tensor.zerosLike x }

    /// The second applied to what the first gives.
    let compose (first: Bijection) (second: Bijection) : Bijection =
        { Forward = first.Forward >> second.Forward
          Inverse = second.Inverse >> first.Inverse
          LogDerivative = fun x -> first.LogDerivative x + second.LogDerivative(first.Forward x) }
