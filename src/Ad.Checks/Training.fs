namespace Ad.Checks

open System
open Ad.Functional
open Ad.Tensors

/// What one law says of an optimizer, a layer or a schedule.
type LawOutcome =
    {
        Law: string
        Verdict: Verdict
        /// What was found; empty when the law holds.
        Text: string
    }

[<RequireQualifiedAccess>]
module internal Outcome =
    /// A law that holds unless it says why not; an exception is a failure too.
    let ofCheck (law: string) (check: unit -> string option) : LawOutcome =
        let found =
            try
                check ()
            with error ->
                Some $"{error.GetType().Name}: {error.Message}"

        { Law = law
          Verdict = (if found.IsSome then Failed else Passed)
          Text = found |> Option.defaultValue "" }

    /// A law that a report decides.
    let ofReport (law: string) (check: unit -> Report) : LawOutcome =
        try
            let report = check ()

            { Law = law
              Verdict = report.Verdict
              Text = if report.IsPassed then "" else report.ToString() }
        with error ->
            { Law = law
              Verdict = Failed
              Text = $"{error.GetType().Name}: {error.Message}" }

    /// A copy of a tree's elements, apart from everything that the tree shares.
    let copy (tree: 'a) : 'a =
        let again (t: Tensor) =
            match t.DType with
            | DType.Bool -> Tensor.ofArray t.Shape (t.ToArray<bool>())
            | DType.Int32 -> Tensor.ofArray t.Shape (t.ToArray<int>())
            | DType.Int64 -> Tensor.ofArray t.Shape (t.ToArray<int64>())
            | DType.Float16 -> Tensor.ofArray t.Shape (t.ToArray<System.Half>())
            | DType.BFloat16 -> Tensor.ofArray t.Shape (t.ToArray<Ad.Numerics.BFloat16>())
            | DType.Float32 -> Tensor.ofArray t.Shape (t.ToArray<float32>())
            | DType.Float64 -> Tensor.ofArray t.Shape (t.ToArray<float>())

        Tree.map again (Tree.eval tree)

    /// Where two trees differ in any element, type or shape.
    let difference (what: string) (a: 'a) (b: 'a) : string option =
        let named = Tree.named a
        let other = Tree.leaves b

        if named.Length <> other.Length then
            Some $"{what}: {named.Length} tensors against {other.Length}."
        else
            Array.zip named other
            |> Array.tryPick (fun ((path, x), y) ->
                if x.Equals y then
                    None
                else
                    let at = if path = "" then "" else $" at {path}"
                    Some $"{what}{at}: {x} against {y}.")

    /// Where a tree holds a number that is not finite.
    let infinite (what: string) (tree: 'a) : string option =
        Tree.named tree
        |> Array.tryPick (fun (path, t) ->
            if not (t.DType.IsFloat()) || t.Count = 0L then
                None
            elif (Tensor.isFinite t |> Tensor.toArray<bool>) |> Array.forall id then
                None
            else
                let at = if path = "" then "" else $" at {path}"
                Some $"{what}{at} is {t}.")

/// Checks optimizers.
[<RequireQualifiedAccess>]
module Optimizers =
    // The loss that training goes down: a bowl, its curvature different along each element.
    let private loss (parameters: 'P) : Tensor =
        Tree.leaves parameters
        |> Array.filter (fun t -> t.DType.IsFloat())
        |> Array.map (fun t ->
            let weights = Tensor.iota t.DType [ int t.Count ] 0 + 1.0

            Tensor.sum (Tensor.square (Tensor.flatten t) * weights)
            |> Tensor.cast DType.Float64)
        |> Array.reduce (+)

    let private train steps (optimizer: Optimizer<'P, 'S>) (parameters: 'P, state: 'S) =
        ((parameters, state), Seq.init steps ignore)
        ||> Seq.fold (fun (p, s) () -> Optimizer.step optimizer (Reverse.gradient loss p) s p)

    /// <summary>
    /// Holds an optimizer to its laws at some parameters: update is pure; updates and states keep their shapes and types; training stopped, saved and resumed
    /// is training not stopped; the identity is the unit of chaining, and chaining is associative; derivatives through three steps are right, and finite
    /// even where all gradients are zero.
    /// </summary>
    let check (optimizer: Optimizer<'P, 'S>) (parameters: 'P) : LawOutcome[] =
        let gradients = Reverse.gradient loss parameters |> Tree.eval
        let state = optimizer.Init parameters |> Tree.eval
        let begun = Outcome.copy (train 2 optimizer (parameters, state))

        let same what (a: Optimizer<'P, 'A>) (b: Optimizer<'P, 'B>) =
            let after (o: Optimizer<'P, 'X>) = fst (train 3 o (parameters, o.Init parameters))
            Outcome.difference what (after a) (after b)

        // A sum of the parameters rather than their loss, whose own derivative would be zero and hide what is not finite.
        let total (p: 'P) =
            Tree.leaves (fst (train 3 optimizer (p, optimizer.Init p)))
            |> Array.filter (fun t -> t.DType.IsFloat())
            |> Array.map (fun t -> Tensor.sum t |> Tensor.cast Float64)
            |> Array.reduce (+)

        let hyper (p: 'P) = loss (fst (train 3 optimizer (p, optimizer.Init p)))

        [| Outcome.ofCheck "update is pure" (fun () ->
               let before = Outcome.copy (gradients, state, parameters)
               let update () = optimizer.Update gradients state parameters |> Outcome.copy
               let first = update ()

               Outcome.difference "twice the same update" first (update ())
               |> Option.orElse (
                   Outcome.difference "arguments before and after" before (gradients, state, parameters)
               ))
           Outcome.ofCheck "shapes and types stay" (fun () ->
               let signatures tree = Tree.leaves tree |> Array.map _.Signature
               let updates, next = optimizer.Update gradients state parameters

               if signatures updates <> signatures parameters then
                   Some $"the updates are {updates}, the parameters {parameters}."
               elif signatures next <> signatures state then
                   Some $"the next state is {next}, the state {state}."
               else
                   None)
           Outcome.ofCheck "resumed is not interrupted" (fun () ->
               let whole = train 5 optimizer (parameters, state)
               let resumed = train 3 optimizer begun
               Outcome.difference "after five steps" whole resumed)
           Outcome.ofCheck "identity is the unit of chaining" (fun () ->
               same "identity before" (Updates.chain Updates.identity optimizer) optimizer
               |> Option.orElse (same "identity after" (Updates.chain optimizer Updates.identity) optimizer))
           Outcome.ofCheck "chaining is associative" (fun () ->
               let half, third = Updates.scale 0.5, Updates.scale 3.0

               same
                   "both ways to chain"
                   (Updates.chain (Updates.chain half optimizer) third)
                   (Updates.chain half (Updates.chain optimizer third)))
           Outcome.ofReport "derivatives through training" (fun () ->
               Gradients.checkWith { Gradients.standard with Order = 1 } hyper parameters)
           Outcome.ofCheck "derivatives are finite where gradients are zero" (fun () ->
               Tree.map Tensor.zerosLike parameters
               |> Reverse.gradient total
               |> Outcome.infinite "the derivative") |]

/// Checks layers.
[<RequireQualifiedAccess>]
module Layers =
    /// <summary>
    /// Holds a layer to its laws on an input: parameters and results repeat from their key; prediction and training give the same shape and type; derivatives
    /// by parameters and input are right, when predicting and when training; jit changes nothing but rounding.
    /// </summary>
    let check (layer: Layer<'P>) (input: Tensor) : LawOutcome[] =
        let key = Key.ofSeed 1L
        let training = Training(Key.ofSeed 2L)
        let parameters = layer.Init key |> Tree.eval
        let once = { Gradients.standard with Order = 1 }
        let apply mode (p, x) = layer.Apply mode p x

        [| Outcome.ofCheck "parameters repeat from their key" (fun () ->
               Outcome.difference "twice the same key" parameters (layer.Init key))
           Outcome.ofCheck "results repeat" (fun () ->
               let result mode = layer.Apply mode parameters input

               [ Inference; training ]
               |> List.tryPick (fun mode -> Outcome.difference "twice the same" (result mode) (result mode)))
           Outcome.ofCheck "training and prediction agree in shape" (fun () ->
               let predicted = layer.Apply Inference parameters input
               let trained = layer.Apply training parameters input

               if predicted.Signature = trained.Signature then
                   None
               else
                   Some $"prediction gives {predicted.Signature}, training {trained.Signature}.")
           Outcome.ofReport "derivatives when predicting" (fun () ->
               Gradients.checkAll once (apply Inference) (parameters, input))
           Outcome.ofReport "derivatives when training" (fun () ->
               Gradients.checkAll once (apply training) (parameters, input))
           Outcome.ofCheck "jit" (fun () ->
               let plain = apply Inference (parameters, input)
               let fast = jit (apply Inference) (parameters, input)
               let apart = Tensor.toScalar (Tensor.sum (abs (plain - fast)))

               if
                   apart
                   <= 1000.0
                      * Differences.unitOf plain.DType
                      * Tensor.toScalar (Tensor.sum (abs plain))
               then
                   None
               else
                   Some $"{plain} plain, but {fast} jitted.") |]

/// Checks schedules.
[<RequireQualifiedAccess>]
module Schedules =
    /// <summary>Holds a schedule to its laws over so many steps: one finite float of rank 0 at every step, the same each time, and the same under jit.</summary>
    let check (schedule: Schedule) (steps: int) : LawOutcome[] =
        let at (step: int) = schedule (Tensor.scalar step)
        let all = seq { 0 .. max 1 steps - 1 }
        let jitted = jit schedule

        [| Outcome.ofCheck "one float at every step" (fun () ->
               all
               |> Seq.tryPick (fun step ->
                   let value = at step

                   if value.Rank = 0 && value.DType.IsFloat() then
                       None
                   else
                       Some $"step {step} gives {value.Signature}."))
           Outcome.ofCheck "finite" (fun () ->
               all
               |> Seq.tryPick (fun step -> Outcome.infinite $"the value of step {step}" (at step)))
           Outcome.ofCheck "the same each time" (fun () ->
               all
               |> Seq.tryPick (fun step -> Outcome.difference $"step {step} asked twice" (at step) (at step)))
           Outcome.ofCheck "jit" (fun () ->
               all
               |> Seq.tryPick (fun step ->
                   let plain, fast =
                       Tensor.toScalar (at step), Tensor.toScalar (jitted (Tensor.scalar step))

                   if abs (plain - fast) <= 1e-14 * abs plain then
                       None
                   else
                       Some $"step {step} gives {plain:R} plain, but {fast:R} jitted.")) |]
