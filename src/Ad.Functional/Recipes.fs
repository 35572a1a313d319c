namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>What every optimizer by name takes: its learning rate, weight decay, and settings of its own where they are given.</summary>
/// <remarks>A first decay is that of momentum or of the first moment, a second one that of squares. What is not given is the optimizer's own.</remarks>
type OptimizerSettings =
    { Rate: Schedule
      WeightDecay: float
      FirstDecay: Nullable<float>
      SecondDecay: Nullable<float>
      Epsilon: Nullable<float> }

/// A state whose type is nobody's concern.
type Hidden<'S> = { State: 'S }

/// What schedules by name take: the highest rate, the last one, and the steps of the run.
type ScheduleSettings =
    { Peak: float
      Final: float
      Steps: int }

/// <summary>Optimizers, schedules and changes of images by name, for programs whose settings are text.</summary>
/// <remarks>States are of a type that nobody needs to know, and still trees.</remarks>
[<RequireQualifiedAccess>]
module Recipes =
    let private given (own: float) (setting: Nullable<float>) =
        if setting.HasValue then setting.Value else own

    /// The optimizer with its state's type hidden.
    [<CompiledName("Hide")>]
    let hide (o: Optimizer<'P, 'S>) : Optimizer<'P, obj> =
        { Init = fun p -> ({ State = o.Init p }: Hidden<'S>) :> obj
          Update =
            fun g state p ->
                let updates, state = o.Update g (unbox<Hidden<'S>> state).State p
                updates, ({ State = state }: Hidden<'S>) :> obj }

    /// The optimizer with its loss scaled, and its state's type hidden.
    [<CompiledName("Scaled")>]
    let scaled (settings: LossScaling) (o: Optimizer<'P, obj>) : Optimizer<'P, obj> =
        hide (LossScale.wrap settings o)

    /// The loss times the factor of a hidden state that scales it; of another, the loss itself.
    [<CompiledName("ScaledLoss")>]
    let scaledLoss (state: obj) (loss: Tensor) : Tensor =
        match state with
        | :? Hidden<LossScaled<obj>> as hidden -> LossScale.apply hidden.State loss
        | _ -> loss

    // Decay of the weights after the scaling, by which it is not divided (Loshchilov and Hutter 2019).
    let private decoupled name (scaling: OptimizerSettings -> Optimizer<'P, 'S>) =
        name,
        fun (s: OptimizerSettings) ->
            hide (
                scaling s
                >-> Updates.addDecayedWeights s.WeightDecay
                >-> Updates.descendBy s.Rate
            )

    // Decay of the weights as part of the gradient: an L2 penalty.
    let private coupled name (scaling: OptimizerSettings -> Optimizer<'P, 'S>) =
        name,
        fun (s: OptimizerSettings) ->
            hide (
                Updates.addDecayedWeights s.WeightDecay
                >-> scaling s
                >-> Updates.descendBy s.Rate
            )

    // Those whose updates are complete: the schedule multiplies them, and weights decay by its share.
    let private complete name (whole: OptimizerSettings -> Optimizer<'P, 'S>) =
        name,
        fun (s: OptimizerSettings) ->
            hide (
                Updates.addDecayedWeights s.WeightDecay
                >-> whole s
                >-> Updates.scaleBySchedule s.Rate
            )

    let private adamKin
        (scaling: float -> float -> float -> Optimizer<'P, 'S>)
        epsilon
        (s: OptimizerSettings)
        =
        scaling (given 0.9 s.FirstDecay) (given 0.999 s.SecondDecay) (given epsilon s.Epsilon)

    let private all<'P> () : (string * (OptimizerSettings -> Optimizer<'P, obj>)) list =
        let first own (s: OptimizerSettings) = given own s.FirstDecay
        let second own (s: OptimizerSettings) = given own s.SecondDecay
        let epsilon own (s: OptimizerSettings) = given own s.Epsilon

        [ coupled "sgd" (fun _ -> Updates.identity)
          coupled "momentum" (fun s -> Updates.momentum (first 0.9 s) false)
          coupled "nesterov" (fun s -> Updates.momentum (first 0.9 s) true)
          coupled "optimistic" (fun _ -> Updates.optimistic 1.0 1.0)
          coupled "sign" (fun _ -> Signs.sign)
          coupled "signum" (fun s -> Updates.ema (first 0.9 s) false >-> Signs.sign)
          coupled "rmsprop" (fun s -> Scaling.rms (second 0.9 s) (epsilon 1e-8 s) true)
          coupled "adagrad" (fun s -> Scaling.rootOfSquares 0.1 (epsilon 1e-7 s) true)
          coupled "adadelta" (fun s -> Scaling.adaDelta (second 0.9 s) (epsilon 1e-6 s))
          decoupled "adam" (adamKin Scaling.adam 1e-8)
          decoupled "nadam" (adamKin Scaling.nadam 1e-8)
          decoupled "amsgrad" (adamKin Scaling.amsGrad 1e-8)
          decoupled "adamax" (adamKin Scaling.adaMax 1e-8)
          decoupled "adabelief" (fun s -> adamKin (fun a b e -> Scaling.adaBelief a b e e) 1e-16 s)
          decoupled "acprop" (fun s -> adamKin (fun a b e -> Scaling.acProp a b e e) 1e-16 s)
          decoupled "yogi" (adamKin (fun a b e -> Scaling.yogi a b e 1e-6) 1e-3)
          decoupled "ano" (fun s -> Scaling.ano (first 0.92 s) (second 0.99 s) (epsilon 1e-8 s))
          decoupled "radam" (adamKin (fun a b e -> Scaling.radam a b e 5.0) 1e-8)
          decoupled "adan" (fun s -> Scaling.adan (first 0.98 s) 0.92 (second 0.99 s) (epsilon 1e-8 s))
          decoupled "ademamix" (adamKin (fun a b e -> Scaling.adEmaMix a b 0.9999 6.0 e) 1e-8)
          decoupled "simplified-ademamix" (fun s ->
              Scaling.simplifiedAdEmaMix (first 0.99 s) (second 0.95 s) 0.0 (epsilon 1e-8 s))
          decoupled "adopt" (fun s -> Scaling.adopt (first 0.9 s) (second 0.9999 s) (epsilon 1e-6 s))
          decoupled "lion" (fun s -> Signs.lion (first 0.9 s) (second 0.99 s))
          decoupled "novograd" (fun s ->
              Layerwise.novoGrad (first 0.9 s) (second 0.25 s) (epsilon 1e-6 s) 0.0)
          decoupled "sm3" (fun s -> Factored.sm3 (epsilon 1e-8 s) >-> Updates.ema (first 0.9 s) false)
          decoupled "shampoo" (fun s -> Factored.shampoo 1024 (epsilon 1e-4 s))
          decoupled "muon" (fun s -> Factored.muon (first 0.95 s) 5)
          decoupled "lamb" (fun s -> adamKin Scaling.adam 1e-6 s >-> Layerwise.trustRatio 1.0 0.0)
          coupled "lars" (fun s -> Layerwise.trustRatio 0.001 0.0 >-> Updates.momentum (first 0.9 s) false)
          decoupled "adafactor" (fun _ ->
              Factored.factoredRms 0.8 128 1e-30
              >-> Updates.clipByBlockRms 1.0
              >-> Layerwise.parameterRms 1e-3)
          coupled "gains" (fun _ -> Signs.gains 0.05 0.95 0.1 10.0)
          "madgrad",
          fun s ->
              Updates.addDecayedWeights s.WeightDecay
              >-> Anchored.madgrad s.Rate (first 0.9 s) (epsilon 1e-6 s)
              |> hide
          "prodigy", (fun s -> hide (Optimizer.prodigy s.Rate s.WeightDecay))
          "d-adaptation", (fun s -> hide (Anchored.dAdaptation s.Rate s.WeightDecay))
          "mechanic",
          fun s ->
              Scaling.adam 0.9 0.999 1e-8
              >-> Updates.addDecayedWeights s.WeightDecay
              >-> Updates.descendBy s.Rate
              |> Anchored.mechanize
              |> hide
          complete "dog" (fun _ -> Optimizer.dog)
          complete "dowg" (fun _ -> Optimizer.dowg)
          complete "cocob" (fun _ -> Optimizer.cocob) ]

    /// The names of optimizers, in no particular order.
    [<CompiledName("OptimizerNames")>]
    let optimizerNames: string list = all<Tensor>() |> List.map fst

    /// <summary>The optimizer of a name.</summary>
    /// <remarks>For those that need no learning rate (cocob, d-adaptation, dog, dowg, mechanic, prodigy) the rate is a factor, at best 1.</remarks>
    /// <exception cref="T:System.ArgumentException">There is none of that name; the message lists all.</exception>
    [<CompiledName("OptimizerOf")>]
    let optimizer (name: string) (settings: OptimizerSettings) : Optimizer<'P, obj> =
        match all<'P>() |> List.tryFind (fun (known, _) -> known = name) with
        | Some(_, make) -> make settings
        | None ->
            let names = String.Join(", ", optimizerNames)
            Shapes.refuse "optimizer" $"there is none called '{name}'; there are {names}."

    let private schedules: (string * (ScheduleSettings -> Schedule)) list =
        // A rate that would end at 0 along powers has no such powers; it ends at a hundredth.
        let ratio s = if s.Final > 0.0 then s.Final / s.Peak else 0.01

        [ "constant", fun s -> Schedules.constant s.Peak
          "linear", fun s -> Schedules.linear s.Peak s.Final s.Steps
          "cosine", fun s -> Schedules.cosine s.Peak s.Final s.Steps
          "exponential", fun s -> Schedules.exponential s.Peak (ratio s) s.Steps
          "polynomial", fun s -> Schedules.polynomial s.Peak s.Final 2.0 s.Steps
          "reciprocal",
          fun s ->
              // 1 / (1 + t / count) is the ratio at the last step for count = steps ratio / (1 - ratio); at most a half.
              let ratio = if s.Final > 0.0 then min 0.5 (s.Final / s.Peak) else 0.1
              Schedules.reciprocal s.Peak 1.0 (max 1 (int (float s.Steps * ratio / (1.0 - ratio))))
          "staircase", fun s -> Schedules.staircase s.Peak (Math.Sqrt(ratio s)) (max 1 ((s.Steps + 2) / 3))
          "one-cycle", fun s -> Schedules.oneCycle s.Peak 0.3 s.Steps
          "warm-restarts", fun s -> Schedules.warmRestarts s.Peak s.Final (max 1 (s.Steps / 7)) 2 3 ]

    /// The names of schedules.
    [<CompiledName("ScheduleNames")>]
    let scheduleNames: string list = List.map fst schedules

    /// <summary>The schedule of a name, over all steps of a run.</summary>
    /// <remarks>
    /// exponential and staircase end at a hundredth if the last rate is 0, reciprocal at a tenth; one-cycle has its own ends; warm-restarts begin again after a seventh and after
    /// three sevenths of the steps.
    /// </remarks>
    /// <exception cref="T:System.ArgumentException">There is none of that name; the message lists all.</exception>
    [<CompiledName("ScheduleOf")>]
    let schedule (name: string) (settings: ScheduleSettings) : Schedule =
        if settings.Steps < 1 then
            Shapes.refuse "schedule" $"takes at least one step, but was given {settings.Steps}."

        match List.tryFind (fun (known, _) -> known = name) schedules with
        | Some(_, make) -> make settings
        | None ->
            let names = String.Join(", ", scheduleNames)
            Shapes.refuse "schedule" $"there is none called '{name}'; there are {names}."

    let private changes: (string * (Key -> Tensor -> Tensor)) list =
        let between low high key = low + (high - low) * Random.uniform key []

        [ "mirror", Augmentation.randomMirror 0.5
          "crop", (fun key image -> Augmentation.randomCrop 2 image.Shape[1] image.Shape[2] key image)
          "rotate", (fun key -> Augmentation.rotate (between -0.2 0.2 key))
          "zoom", (fun key -> Augmentation.zoom (between 0.9 1.1 key))
          "elastic", Augmentation.elastic 6.0 4.0 ]

    /// The names of changes of images.
    [<CompiledName("ChangeNames")>]
    let changeNames: string list = List.map fst changes

    /// <summary>Random changes of one image by a key, one after another.</summary>
    /// <remarks>mirror with probability 1/2; crop out of two rows and columns of zeros around; rotate by 0.2 radians at most; zoom by 0.9 to 1.1; elastic with strength 6 and width 4.</remarks>
    /// <exception cref="T:System.ArgumentException">There is none of a name; the message lists all.</exception>
    [<CompiledName("ChangeOf")>]
    let change (names: string list) : Key -> Tensor -> Tensor =
        let chosen =
            names
            |> List.map (fun name ->
                match List.tryFind (fun (known, _) -> known = name) changes with
                | Some(_, change) -> change
                | None ->
                    let known = String.Join(", ", changeNames)
                    Shapes.refuse "change" $"there is none called '{name}'; there are {known}.")

        fun key image ->
            let keys = Key.split (max 1 chosen.Length) key

            chosen
            |> List.indexed
            |> List.fold (fun image (i, change) -> change keys[i] image) image
