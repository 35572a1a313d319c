namespace Ad.Host.Arguments

open Argu

/// What may follow the verb train.
[<HelpFlags("--help", "-h")>]
type TrainArgument =
    | [<Unique; AltCommandLine("--data-dir")>] Data of path: string
    | [<Unique; AltCommandLine("-e")>] Epochs of count: int
    | [<Unique; AltCommandLine("-b")>] Batch of size: int
    | [<Unique; AltCommandLine("-r")>] Learning_Rate of rate: float
    | [<Unique; AltCommandLine("-m")>] Model of name: string
    | [<Unique>] Optimizer of name: string
    | [<Unique; AltCommandLine("--momentum")>] First_Decay of share: float
    | [<Unique>] Second_Decay of share: float
    | [<Unique>] Epsilon of number: float
    | [<Unique>] Schedule of name: string
    | [<Unique>] Final_Rate of rate: float
    | [<Unique>] Warm_Up of steps: int
    | [<Unique>] Hidden of sizes: string
    | [<Unique>] Dropout of share: float
    | [<Unique>] Weight_Decay of rate: float
    | [<Unique>] Clip of norm: float
    | [<Unique>] Accumulate of batches: int
    | [<Unique>] Average of share: float
    | [<Unique>] Label_Smoothing of share: float
    | [<Unique>] Augment of names: string
    | [<Unique>] Validation of share: float
    | [<Unique>] Patience of epochs: int
    | [<Unique>] Seed of number: int64
    | [<Unique>] Precision of name: string
    | [<Unique>] Device of name: string
    | [<Unique; AltCommandLine("-o")>] Output of file: string
    | [<Unique>] Checkpoint of file: string
    | [<Unique>] Checkpoint_Every of seconds: float
    | [<Unique>] Resume
    | [<Unique>] Log of file: string
    | [<Unique; AltCommandLine("-q")>] Quiet

    interface IArgParserTemplate with
        member x.Usage =
            match x with
            | Data _ ->
                "what to learn: a CSV file with the label last, an npz archive of x and y, or a folder of MNIST IDX files, CIFAR batches or class folders of images (the built-in digits)."
            | Epochs _ -> "how often to go through the training examples (40)."
            | Batch _ -> "examples in a step; the last step of an epoch takes what is left (64)."
            | Learning_Rate _ -> "the step size at the start (0.01)."
            | Model _ -> "what is trained: mlp, lenet, convnet, resnet8 or resnet20 (mlp)."
            | Optimizer _ ->
                "how updates are made from gradients: sgd, momentum, nesterov, adam, nadam, radam, lion, lamb, adafactor, muon, shampoo, prodigy, ...; a wrong name lists all (adam)."
            | First_Decay _ -> "decay of momentum or of the first moment (the optimizer's own)."
            | Second_Decay _ -> "decay of the average of squares (the optimizer's own)."
            | Epsilon _ -> "what is added where the optimizer divides (its own)."
            | Schedule _ ->
                "how the learning rate goes: constant, linear, cosine, exponential, polynomial, reciprocal, staircase, one-cycle or warm-restarts (cosine)."
            | Final_Rate _ -> "the learning rate at the end, for schedules that go to one (0)."
            | Warm_Up _ -> "steps over which the learning rate rises at first (0)."
            | Hidden _ -> "units of mlp's hidden layers, such as 512,64, or none (256,128)."
            | Dropout _ -> "share of hidden units switched off at each step (0.3)."
            | Weight_Decay _ -> "decay of the weights at each step, times the learning rate (0.01)."
            | Clip _ -> "shorten gradients to this norm; 0 leaves them as they are (0)."
            | Accumulate _ -> "batches whose gradients make one update (1)."
            | Average _ -> "decay of an average of the parameters, which then predicts; 0 keeps none (0)."
            | Label_Smoothing _ -> "share of each class's probability that all classes share (0)."
            | Augment _ ->
                "random changes of images in training, with commas between: mirror, crop, rotate, zoom, elastic (none)."
            | Validation _ ->
                "share of the training examples held out to watch the run by, so that the test examples are looked at once, at the end; 0 watches by the test examples (0)."
            | Patience _ ->
                "epochs without a better share of the held-out examples after which the run ends, with the best parameters seen; 0 goes on to the last epoch, and keeps the last (0)."
            | Seed _ -> "where the initial weights, the order of examples and the dropout come from (0)."
            | Precision _ ->
                "what the model computes in: float32, bf16 or f16, the last with its loss scaled; parameters stay float32 (float32)."
            | Device _ -> "where to train: cpu, cuda, cuda: and a number, or numbers such as cuda:0,1 (cpu)."
            | Output _ ->
                "where the parameters go, as safetensors (named after the data: digits.safetensors)."
            | Checkpoint _ ->
                "where the run is kept for --resume (beside the output: digits.checkpoint.safetensors)."
            | Checkpoint_Every _ ->
                "seconds between checkpoints; 0 keeps one only at the end of the run (30)."
            | Resume -> "go on from the checkpoint, with the options it was made with."
            | Log _ -> "write the metrics to this file, one JSON object a line; --resume appends to it."
            | Quiet -> "show no progress."

/// From what follows the verb train to configuration.
module internal TrainArguments =
    /// Configuration keys and their values.
    let settings (found: TrainArgument list) =
        found
        |> List.map (fun argument ->
            match argument with
            | Data path -> "Data", path
            | Epochs count -> "Epochs", string count
            | Batch size -> "Batch", string size
            | Learning_Rate rate -> "LearningRate", string rate
            | Model name -> "Model", name
            | Optimizer name -> "Optimizer", name
            | First_Decay share -> "FirstDecay", string share
            | Second_Decay share -> "SecondDecay", string share
            | Epsilon number -> "Epsilon", string number
            | Schedule name -> "Schedule", name
            | Final_Rate rate -> "FinalRate", string rate
            | Warm_Up steps -> "WarmUp", string steps
            | Hidden sizes -> "Hidden", sizes
            | Dropout share -> "Dropout", string share
            | Weight_Decay rate -> "WeightDecay", string rate
            | Clip norm -> "Clip", string norm
            | Accumulate batches -> "Accumulate", string batches
            | Average share -> "Average", string share
            | Label_Smoothing share -> "LabelSmoothing", string share
            | Augment names -> "Augment", names
            | Validation share -> "Validation", string share
            | Patience epochs -> "Patience", string epochs
            | Seed number -> "Seed", string number
            | Precision name -> "Precision", name
            | Device name -> "Device", name
            | Output file -> "Output", file
            | Checkpoint file -> "Checkpoint", file
            | Checkpoint_Every seconds -> "CheckpointEvery", string seconds
            | Resume -> "Resume", "true"
            | Log file -> "Log", file
            | Quiet -> "Quiet", "true")
        |> List.map (fun (key, value) -> "Train:" + key, value)
