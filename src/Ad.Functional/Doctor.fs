namespace Ad.Functional

open System

/// What a run looked like, for the doctor: losses by epoch, and what they could have been.
type RunHistory =
    {
        /// The training loss of each epoch.
        Training: float list
        /// The validation loss of each epoch; none if nothing was held out.
        Validation: float list
        /// The loss of the best guess that does not look at the input: for classes their entropy.
        Chance: float
        /// The loss that would do.
        Target: float
    }

/// What may be wrong with a run.
type Complaint =
    /// The loss is not finite, or rose far above where it began.
    | Divergence
    /// The loss stays at that of the best guess that does not look at the input.
    | Collapse
    /// The loss came down and stands still above the target, on the training examples too.
    | Underfitting
    /// The loss is still coming down at a steady pace when the run ends.
    | TooSlow
    /// Examples held out are done much worse than those trained with.
    | Overfitting

/// A complaint, what it is seen by, and what to try, the likeliest first.
type Finding =
    { Complaint: Complaint
      Evidence: string
      Advice: string list }

/// <summary>Tells from a run's losses what may be wrong and what to try.</summary>
/// <remarks>Rules of thumb, stated with each function; a run may have several complaints, the gravest first.</remarks>
[<RequireQualifiedAccess>]
module Doctor =
    let private advice (complaint: Complaint) =
        match complaint with
        | Divergence ->
            [ "a learning rate ten times smaller"
              "clipping the global norm of the gradients to 1"
              "inputs scaled to mean 0 and variance 1"
              "smaller first weights, or normalization layers"
              "Diagnose.nonFinite, which names the operation that gave the first NaN" ]
        | Collapse ->
            [ "checking the gradients: gradcheck, or Gradients.check on the loss"
              "overfitting sixteen examples: if that fails, the model or the loss is wrong"
              "a learning rate ten times smaller, then ten times larger"
              "another activation or first weights, if most units are dead or saturated"
              "whether labels still belong to their examples" ]
        | Underfitting ->
            [ "a larger network"
              "less dropout and weight decay"
              "a learning rate that falls at the end"
              "inputs with more information" ]
        | TooSlow ->
            [ "a learning rate two to three times larger"
              "more epochs"
              "momentum or an adaptive optimizer"
              "inputs scaled to mean 0 and variance 1" ]
        | Overfitting ->
            [ "more examples, or augmented ones"
              "dropout or weight decay"
              "stopping at the best validation loss"
              "a smaller network" ]

    let private find complaint evidence =
        Some
            { Complaint = complaint
              Evidence = evidence
              Advice = advice complaint }

    let private last (losses: float list) = List.last losses

    /// Not finite, or ten times above the first loss and above chance.
    let private divergence h =
        let bad = h.Training |> List.tryFindIndex (fun l -> not (Double.IsFinite l))

        match bad with
        | Some epoch -> find Divergence $"the loss is {h.Training[epoch]} in epoch {epoch + 1}"
        | None when last h.Training > 10.0 * max h.Training.Head h.Chance ->
            find Divergence $"the loss rose from {h.Training.Head:G4} to {last h.Training:G4}"
        | None -> None

    /// No loss below 98 % of chance.
    let private collapse h =
        let best = List.min h.Training

        if best > 0.98 * h.Chance then
            find Collapse $"the best loss, {best:G4}, is that of a guess without looking, {h.Chance:G4}"
        else
            None

    // How much of the loss the last third of the epochs took off.
    let private progress (losses: float list) =
        let third = max 1 (losses.Length / 3)
        let before = losses[losses.Length - 1 - third]
        (before - last losses) / before

    /// Above the target, and the last third of the epochs still took off 10 % or more of the loss.
    let private slow h =
        if
            h.Training.Length >= 3
            && last h.Training > h.Target
            && progress h.Training >= 0.1
        then
            find
                TooSlow
                $"the last third of the epochs took {progress h.Training:P0} off the training loss, and it is {last h.Training:G4}"
        else
            None

    /// Above the target, and the last third of the epochs took off less than 10 %.
    let private underfitting h =
        if
            h.Training.Length >= 3
            && last h.Training > h.Target
            && progress h.Training < 0.1
        then
            find Underfitting $"the training loss stands still at {last h.Training:G4}, above {h.Target:G4}"
        else
            None

    /// The last validation loss is above 1.5 times the training loss, and 5 % above the best one or above the target.
    let private overfitting h =
        match h.Validation with
        | [] -> None
        | validation ->
            let now, best, trained = last validation, List.min validation, last h.Training

            if now > 1.5 * trained && (now > 1.05 * best || now > h.Target) then
                find
                    Overfitting
                    $"the validation loss is {now:G4} (best {best:G4}), the training loss {trained:G4}"
            else
                None

    /// What may be wrong, the gravest first; nothing for a run that reached its target on both sets.
    [<CompiledName("Examine")>]
    let examine (history: RunHistory) : Finding list =
        if history.Training.IsEmpty then
            Shapes.refuse "examine" "takes at least one epoch's loss."

        match divergence history |> Option.orElseWith (fun () -> collapse history) with
        | Some grave -> [ grave ]
        | None -> [ underfitting; slow; overfitting ] |> List.choose (fun rule -> rule history)

    /// The gap between the sets and the level of the training loss, in a sentence.
    [<CompiledName("Summary")>]
    let summary (history: RunHistory) : string =
        let level =
            $"training loss {last history.Training:G4} (chance {history.Chance:G4}, target {history.Target:G4})"

        match history.Validation with
        | [] -> level
        | validation ->
            $"{level}; validation loss {last validation:G4}, a gap of {last validation - last history.Training:G4}"

    /// Whether a learning rate that ends at the second has fallen far enough from the first, to a hundredth or less.
    [<CompiledName("DecaysEnough")>]
    let decaysEnough (first: float) (final: float) : bool = final <= first / 100.0

    /// Parameters over a tenth of outputs times examples: above 1 a network has more than the rule of thumb allows.
    [<CompiledName("SizeRatio")>]
    let sizeRatio (parameters: int64) (outputs: int) (examples: int) : float =
        if outputs < 1 || examples < 1 then
            Shapes.refuse "sizeRatio" $"takes outputs and examples, but was given {outputs} and {examples}."

        float parameters / (0.1 * float outputs * float examples)
