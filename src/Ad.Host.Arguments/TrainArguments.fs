namespace Ad.Host.Arguments

open Argu

/// How updates are made from gradients.
type OptimizerName =
    | Adam
    | Sgd
    | Momentum

/// How the learning rate goes over the run.
type ScheduleName =
    | Cosine
    | Constant

/// What may follow the verb train.
[<HelpFlags("--help", "-h")>]
type TrainArgument =
    | [<Unique; AltCommandLine("--data-dir")>] Data of path: string
    | [<Unique; AltCommandLine("-e")>] Epochs of count: int
    | [<Unique; AltCommandLine("-b")>] Batch of size: int
    | [<Unique; AltCommandLine("-r")>] Learning_Rate of rate: float
    | [<Unique>] Optimizer of OptimizerName
    | [<Unique>] Schedule of ScheduleName
    | [<Unique>] Hidden of sizes: string
    | [<Unique>] Dropout of share: float
    | [<Unique>] Weight_Decay of rate: float
    | [<Unique>] Seed of number: int64
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
                "what to learn: a CSV file with the label last, or a folder of MNIST IDX files, plain or .gz (the built-in digits)."
            | Epochs _ -> "how often to go through the training examples (40)."
            | Batch _ -> "examples in a step; the last step of an epoch takes what is left (64)."
            | Learning_Rate _ -> "the step size at the start (0.01)."
            | Optimizer _ -> "how updates are made from gradients (adam)."
            | Schedule _ -> "how the learning rate goes: down to 0 along a cosine, or constant (cosine)."
            | Hidden _ -> "units of the hidden layers, such as 512,64, or none (256,128)."
            | Dropout _ -> "share of hidden units switched off at each step (0.3)."
            | Weight_Decay _ -> "decay of the weights at each step, times the learning rate (0.01)."
            | Seed _ -> "where the initial weights, the order of examples and the dropout come from (0)."
            | Device _ -> "where to train: cpu, cuda, or cuda: and a number (cpu)."
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
            | Optimizer name -> "Optimizer", string name
            | Schedule name -> "Schedule", string name
            | Hidden sizes -> "Hidden", sizes
            | Dropout share -> "Dropout", string share
            | Weight_Decay rate -> "WeightDecay", string rate
            | Seed number -> "Seed", string number
            | Device name -> "Device", name
            | Output file -> "Output", file
            | Checkpoint file -> "Checkpoint", file
            | Checkpoint_Every seconds -> "CheckpointEvery", string seconds
            | Resume -> "Resume", "true"
            | Log file -> "Log", file
            | Quiet -> "Quiet", "true")
        |> List.map (fun (key, value) -> "Train:" + key, value)
