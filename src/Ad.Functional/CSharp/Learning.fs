namespace Ad.Functional.CSharp

open System
open Ad.Functional
open Ad.Tensors

/// What a step of training gives: the next state, the mean loss of the batch and how many of it were right before the step.
type LearnerStep =
    { Learner: Learner
      Loss: Tensor
      Correct: Tensor }

/// What several steps of training give: the state after them, and of each the mean loss of its batch and how many of it were right before the step.
type LearnerSteps =
    { Learner: Learner
      Losses: float[]
      Correct: int[] }

/// <summary>Classifiers, optimizers and schedules by name, and training as compiled pure functions.</summary>
[<AbstractClass; Sealed>]
type Learners =
    static member private Change(changes: string[]) =
        if changes.Length = 0 then
            None
        else
            Some(Recipes.change (List.ofArray changes))

    /// The names of classifiers.
    static member Models: string[] = Array.ofList Classifiers.names

    /// The names of optimizers.
    static member Optimizers: string[] = Array.ofList Recipes.optimizerNames

    /// The names of schedules.
    static member Schedules: string[] = Array.ofList Recipes.scheduleNames

    /// The names of random changes of images.
    static member Changes: string[] = Array.ofList Recipes.changeNames

    /// <summary>A classifier by name for examples of a size.</summary>
    /// <exception cref="T:System.ArgumentException">There is none of that name, or it does not take such examples.</exception>
    static member Model
        (name: string, dtype: DType, example: int[], classes: int, hidden: int[], dropout: float)
        : Model =
        Classifiers.make name dtype (List.ofArray example) classes (List.ofArray hidden) dropout

    /// The names of types to compute in.
    static member Precisions: string[] = [| "float32"; "bf16"; "f16" |]

    /// <summary>A model that computes in the type of a name, its parameters and results in their own.</summary>
    /// <exception cref="T:System.ArgumentException">There is no type of that name.</exception>
    static member InPrecision(model: Model, name: string) : Model =
        match name with
        | "float32" -> model
        | "bf16" -> Precision.model DType.BFloat16 model
        | "f16" -> Precision.model DType.Float16 model
        | _ ->
            let known = String.Join(", ", Learners.Precisions)
            Shapes.refuse "precision" $"there is none called '{name}'; there are {known}."

    /// <summary>The optimizer for a model that computes in the type of a name: with a dynamic loss scale for f16, which needs one, else as it is.</summary>
    static member InPrecision(optimizer: Optimizer<Named, obj>, name: string) : Optimizer<Named, obj> =
        if name = "f16" then
            Recipes.scaled LossScale.dynamic optimizer
        else
            optimizer

    /// How many numbers a model trains.
    static member Parameters(model: Model) : int64 = Network.parameters model

    /// A schedule by name, after so many steps of warming up.
    static member Schedule
        (name: string, peak: float, final: float, steps: int, warmUp: int)
        : Func<Tensor, Tensor> =
        let settings =
            { Peak = peak
              Final = final
              Steps = max 1 (steps - warmUp) }

        let schedule = Recipes.schedule name settings

        Func<Tensor, Tensor>(
            if warmUp > 0 then
                Schedules.warmUp warmUp schedule
            else
                schedule
        )

    /// <summary>An optimizer by name: gradients accumulated over so many steps, then clipped to a global norm, 0 for none, then scaled.</summary>
    static member Optimizer
        (
            name: string,
            rate: Func<Tensor, Tensor>,
            weightDecay: float,
            firstDecay: Nullable<float>,
            secondDecay: Nullable<float>,
            epsilon: Nullable<float>,
            clip: float,
            accumulate: int
        ) : Optimizer<Named, obj> =
        ArgumentNullException.ThrowIfNull rate

        let settings =
            { Rate = rate.Invoke
              WeightDecay = weightDecay
              FirstDecay = firstDecay
              SecondDecay = secondDecay
              Epsilon = epsilon }

        let own = Recipes.optimizer name settings

        let clipped =
            if clip > 0.0 then
                Recipes.hide (Updates.clipByGlobalNorm clip >-> own)
            else
                own

        if accumulate > 1 then
            Recipes.hide (Wrapper.multiSteps accumulate clipped)
        else
            clipped

    /// The state before the first step.
    static member Start(model: Model, optimizer: Optimizer<Named, obj>, average: float, key: Key) : Learner =
        Learning.start (Network.ofModel model) optimizer average key

    /// <summary>A compiled step: from state, examples and classes to the next state, loss and hits.</summary>
    /// <param name="model">What is trained.</param>
    /// <param name="optimizer">How.</param>
    /// <param name="average">The decay of the parameters' average, 0 for none.</param>
    /// <param name="changes">The names of random changes of images, one after another.</param>
    /// <param name="smoothing">The share of a class's probability that all share.</param>
    static member Step
        (model: Model, optimizer: Optimizer<Named, obj>, average: float, changes: string[], smoothing: float)
        : Func<Learner, Tensor, Tensor, LearnerStep> =
        let change = Learners.Change changes
        let loss = Learning.smoothedCrossEntropy smoothing

        let step =
            jit (fun (l, x, y) ->
                Learning.step (Network.ofModel model) optimizer average change loss l (x, y))

        Func<_, _, _, _>(fun learner x y ->
            let learner, (loss, correct) = step (learner, x, y)

            { Learner = learner
              Loss = loss
              Correct = correct })

    /// <summary>A learner on each device of a group.</summary>
    static member Replicate(group: DeviceGroup, learner: Learner) : Learner[] =
        DataParallel.replicate group learner

    /// <summary>A compiled step of replicas over a batch that they share out: from them, examples and classes to the next replicas, loss and hits.</summary>
    /// <param name="group">The devices.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="optimizer">How.</param>
    /// <param name="average">The decay of the parameters' average, 0 for none.</param>
    /// <param name="changes">The names of random changes of images, one after another.</param>
    /// <param name="smoothing">The share of a class's probability that all share.</param>
    static member ParallelStep
        (
            group: DeviceGroup,
            model: Model,
            optimizer: Optimizer<Named, obj>,
            average: float,
            changes: string[],
            smoothing: float
        ) : Func<Learner[], Tensor, Tensor, struct (Learner[] * Tensor * Tensor)> =
        let step =
            Learning.parallelStep
                group
                (Network.ofModel model)
                optimizer
                average
                (Learners.Change changes)
                (Learning.smoothedCrossEntropy smoothing)

        Func<_, _, _, _>(fun replicas x y ->
            let next, (loss, correct) = step replicas (x, y)
            struct (next, loss, correct))

    /// <summary>Compiled steps over batches, one after another, as <c>Step</c> makes each: the memory of a state is used for the next, so that many are faster than one by one.</summary>
    /// <param name="model">What is trained.</param>
    /// <param name="optimizer">How.</param>
    /// <param name="average">The decay of the parameters' average, 0 for none.</param>
    /// <param name="changes">The names of random changes of images, one after another.</param>
    /// <param name="smoothing">The share of a class's probability that all share.</param>
    static member Steps
        (model: Model, optimizer: Optimizer<Named, obj>, average: float, changes: string[], smoothing: float)
        : Func<Learner, seq<struct (Tensor * Tensor)>, LearnerSteps> =
        let step =
            Learning.step
                (Network.ofModel model)
                optimizer
                average
                (Learners.Change changes)
                (Learning.smoothedCrossEntropy smoothing)

        let fold = jitFold (fun learner (x, y) -> step learner (x, y))

        Func<_, _, _>(fun learner batches ->
            let learner, found = fold learner (batches |> Seq.map (fun struct (x, y) -> x, y))

            { Learner = learner
              Losses = [| for loss, _ in found -> Tensor.toScalar loss |]
              Correct = [| for _, correct in found -> int (Tensor.toScalar correct) |] })

    /// A compiled count of how many examples a state classifies as their classes say, and their mean loss.
    static member Test(model: Model) : Func<Learner, Tensor, Tensor, struct (Tensor * Tensor)> =
        let network = Network.ofModel model

        let test =
            jit (fun (learner, x, y) ->
                let logits = Learning.predict network learner x
                Losses.correct logits y, Losses.crossEntropy logits y)

        Func<_, _, _, _>(fun learner x y ->
            let hits, loss = test (learner, x, y)
            struct (hits, loss))

    /// The parameters to predict with: their average where there is one.
    static member Trained(learner: Learner) : Named =
        if Map.isEmpty learner.Average then
            learner.Parameters
        else
            learner.Average

    /// <summary>The statistics of each part's results for some examples, in prediction, by the part's name.</summary>
    static member Units(model: Model, learner: Learner, x: Tensor) : struct (string * UnitStatistics)[] =
        let step (x, found) (name, part: Network) =
            let y, _ = part.Apply Inference learner.Parameters learner.Running x
            let y = Tensor.eval y
            y, struct (name, Monitor.units 0.97 y) :: found

        let values = model.Parts |> List.fold step (x, []) |> snd |> List.rev
        Array.ofList values

    /// The noise of the gradients of single examples.
    static member Noise(model: Model, learner: Learner, x: Tensor, y: Tensor) : NoiseScale =
        let network = Network.ofModel model

        let one (x: Tensor, y: Tensor) =
            let alone (t: Tensor) = Tensor.expandDims 0 t

            grad
                (fun p ->
                    let logits, _ = network.Apply Inference p learner.Running (alone x)
                    Losses.crossEntropy logits (alone y))
                learner.Parameters

        Monitor.noiseOf (vmap one (x, y))

    /// <summary>What may be wrong with a run, the gravest first, from the losses of its epochs, the loss of a guess without looking, and the loss that would do.</summary>
    static member Examine(training: float[], validation: float[], chance: float, target: float) : Finding[] =
        ArgumentNullException.ThrowIfNull training
        ArgumentNullException.ThrowIfNull validation

        Doctor.examine
            { Training = List.ofArray training
              Validation = List.ofArray validation
              Chance = chance
              Target = target }
        |> Array.ofList

    /// What is wrong with a layer by its statistics, in words.
    static member Complaints(statistics: UnitStatistics) : string[] =
        Array.ofList (Monitor.complaints statistics)

    /// <summary>The settings to try next: by a Gaussian process through the attempts so far, at random, or the next of a grid of so many values each; null when a grid is done.</summary>
    static member NextSettings
        (meth: string, space: Setting[], perSetting: int, key: Key, before: Attempt[])
        : Collections.Generic.IReadOnlyDictionary<string, float> | null =
        let space = List.ofArray space

        match meth with
        | "grid" ->
            let value (s: Setting) i =
                let share =
                    if perSetting = 1 then
                        0.5
                    else
                        float i / float (perSetting - 1)

                if s.IsLogarithmic then
                    s.Low * Math.Pow(s.High / s.Low, share)
                else
                    s.Low + (s.High - s.Low) * share

            let all = Selection.grid [ for s in space -> s.Name, List.init perSetting (value s) ]

            if before.Length < all.Length then
                all[before.Length]
            else
                null
        | "random" -> Search.random space (Key.foldIn before.Length key)
        | _ -> Search.next space key (List.ofArray before)

    /// What was tried, and the loss it gave.
    static member Attempt
        (settings: Collections.Generic.IReadOnlyDictionary<string, float>, loss: float)
        : Attempt =
        ArgumentNullException.ThrowIfNull settings

        { Settings = Map.ofSeq [ for KeyValue(name, value) in settings -> name, value ]
          Loss = loss }

    /// A setting to search, from low to high, by steps or by powers.
    static member Setting(name: string, low: float, high: float, logarithmic: bool) : Setting =
        if logarithmic then
            Search.logarithmic name low high
        else
            Search.linear name low high

    /// The filters of a matrix of first weights, pictures of so many rows and columns each, as one picture.
    static member Grid(rows: int, columns: int, filters: Tensor) : Tensor = Monitor.grid rows columns filters
