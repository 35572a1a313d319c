namespace Ad.Functional.CSharp

open System
open System.Runtime.CompilerServices
open Ad.Functional
open Ad.Tensors

/// Makes layers.
[<AbstractClass; Sealed>]
type Layers =
    /// x W + b, with weights initialized after He (2015) and biases 0.
    static member Dense(dtype: DType, inputs: int, outputs: int) : Layer<Dense> =
        Layer.dense dtype inputs outputs

    /// A function as a layer without parameters.
    static member Function(f: Func<Tensor, Tensor>) : Layer<unit> =
        ArgumentNullException.ThrowIfNull f
        Layer.ofFunction f.Invoke

    /// Elements dropped with a probability in training, the rest scaled up.
    static member Dropout(rate: float) : Layer<unit> = Layer.dropout rate

    /// Dense layers of these widths, an activation and dropout after each but the last.
    static member Perceptron
        (dtype: DType, activation: Func<Tensor, Tensor>, dropout: float, [<ParamArray>] widths: int[])
        : Layer<Dense[]> =
        ArgumentNullException.ThrowIfNull activation
        Layer.perceptron dtype activation.Invoke dropout widths

/// Makes optimizers of parameters of any kind of tree.
[<AbstractClass; Sealed>]
type Optimizers =
    /// Gradient descent.
    static member Sgd<'P>(rate: float) : Optimizer<'P, Tensor> = Optimizer.sgd rate

    /// Gradient descent whose rate depends on the step, an Int32 tensor of rank 0.
    static member Sgd<'P>(rate: Func<Tensor, Tensor>) : Optimizer<'P, Tensor> = Optimizer.sgdBy rate.Invoke

    /// Gradient descent with momentum.
    static member Momentum<'P>(rate: Func<Tensor, Tensor>, decay: float) : Optimizer<'P, 'P * Tensor> =
        Updates.chain (Updates.momentum decay false) (Updates.descendBy rate.Invoke)

    /// Adam (Kingma and Ba 2015).
    static member Adam<'P>(rate: float) : Optimizer<'P, Moments<'P> * Tensor> = Optimizer.adam rate

    /// Adam whose rate depends on the step.
    static member Adam<'P>(rate: Func<Tensor, Tensor>) : Optimizer<'P, Moments<'P> * Tensor> =
        Optimizer.adamBy rate.Invoke

    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019), whose rate depends on the step.
    static member AdamW<'P>
        (rate: Func<Tensor, Tensor>, decay: float)
        : Optimizer<'P, (Moments<'P> * unit) * Tensor> =
        Optimizer.adamWBy rate.Invoke decay

    /// Weight decay: a multiple of the parameters added to the gradients.
    static member DecayedWeights<'P>(decay: float) : Optimizer<'P, unit> = Updates.addDecayedWeights decay

    /// Gradients shortened, if need be, to a norm.
    static member ClipByGlobalNorm<'P>(limit: float) : Optimizer<'P, unit> = Updates.clipByGlobalNorm limit

/// Makes schedules: functions of the step, an Int32 tensor of rank 0.
[<AbstractClass; Sealed>]
type Rates =
    static member private Of(schedule: Schedule) = Func<Tensor, Tensor>(schedule)

    /// The same value at every step.
    static member Constant(value: float) = Rates.Of(Schedules.constant value)

    /// From one value to another, along a line, over so many steps.
    static member Linear(start: float, stop: float, count: int) = Rates.Of(Schedules.linear start stop count)

    /// From one value to another along half a cosine over so many steps (Loshchilov and Hutter 2017).
    static member Cosine(start: float, stop: float, count: int) = Rates.Of(Schedules.cosine start stop count)

    /// start factor^(t / every).
    static member Exponential(start: float, factor: float, every: int) =
        Rates.Of(Schedules.exponential start factor every)

    /// start (1 + t / count)^-power.
    static member Reciprocal(start: float, power: float, count: int) =
        Rates.Of(Schedules.reciprocal start power count)

    /// Up to a peak for a share of the steps, then down to almost nothing (Smith and Topin 2018).
    static member OneCycle(peak: float, share: float, count: int) =
        Rates.Of(Schedules.oneCycle peak share count)

    /// Up from 0 along a line over so many steps, and then another schedule from its own beginning.
    static member WarmUp(count: int, after: Func<Tensor, Tensor>) =
        ArgumentNullException.ThrowIfNull after
        Rates.Of(Schedules.warmUp count after.Invoke)

    /// A schedule, and from a boundary on another one, which begins there.
    static member Join(first: Func<Tensor, Tensor>, boundary: int, next: Func<Tensor, Tensor>) =
        ArgumentNullException.ThrowIfNull first
        ArgumentNullException.ThrowIfNull next
        Rates.Of(Schedules.join first.Invoke [ boundary, next.Invoke ])

/// The functions of optimizers and layers as methods.
[<AbstractClass; Sealed; Extension>]
type TrainingMethods =
    /// The second applied to what the first gives.
    [<Extension>]
    static member Then(first: Optimizer<'P, 'S>, second: Optimizer<'P, 'T>) : Optimizer<'P, 'S * 'T> =
        Updates.chain first second

    /// The state before the first step.
    [<Extension>]
    static member Initialize(optimizer: Optimizer<'P, 'S>, parameters: 'P) : 'S = optimizer.Init parameters

    /// One step: the next parameters and state.
    [<Extension>]
    static member Step
        (optimizer: Optimizer<'P, 'S>, gradients: 'P, state: 'S, parameters: 'P)
        : struct ('P * 'S) =
        let parameters, state = Optimizer.step optimizer gradients state parameters
        struct (parameters, state)

    /// The second layer applied to the result of the first.
    [<Extension>]
    static member Then(first: Layer<'P>, second: Layer<'Q>) : Layer<'P * 'Q> = Layer.compose first second

    /// First parameters.
    [<Extension>]
    static member Initialize(layer: Layer<'P>, key: Key) : 'P = layer.Init key

    /// The layer's result, without randomness.
    [<Extension>]
    static member Predict(layer: Layer<'P>, parameters: 'P, x: Tensor) : Tensor =
        layer.Apply Inference parameters x

    /// The layer's result in training, with a key for what is random.
    [<Extension>]
    static member Train(layer: Layer<'P>, key: Key, parameters: 'P, x: Tensor) : Tensor =
        layer.Apply (Training key) parameters x
