namespace Ad.Host.Arguments

open Argu

/// What may follow the verb doctor.
[<HelpFlags("--help", "-h")>]
type DoctorArgument =
    | [<Unique; AltCommandLine("--data-dir")>] Data of path: string
    | [<Unique; AltCommandLine("-m")>] Model of name: string
    | [<Unique>] Hidden of sizes: string
    | [<Unique>] Optimizer of name: string
    | [<Unique; AltCommandLine("-b")>] Batch of size: int
    | [<Unique; AltCommandLine("-r")>] Learning_Rate of rate: float
    | [<Unique; AltCommandLine("-e")>] Epochs of count: int
    | [<Unique>] Examples of count: int
    | [<Unique>] Steps of count: int
    | [<Unique>] Target of loss: float
    | [<Unique>] Seed of number: int64
    | [<Unique>] Filters of file: string

    interface IArgParserTemplate with
        member x.Usage =
            match x with
            | Data _ -> "what is to be learned, as for train (the built-in digits)."
            | Model _ -> "what is trained: mlp, lenet, convnet, resnet8 or resnet20 (mlp)."
            | Hidden _ -> "units of mlp's hidden layers, such as 512,64, or none (256,128)."
            | Optimizer _ -> "how updates are made from gradients (adam)."
            | Batch _ -> "examples in a step (64)."
            | Learning_Rate _ -> "the step size of the trial run; 0 takes the one found (0)."
            | Epochs _ -> "epochs of the trial run (6)."
            | Examples _ -> "examples that must be learned by heart (16)."
            | Steps _ -> "steps in which they must be (1000)."
            | Target _ -> "the training loss that would do (0.1)."
            | Seed _ -> "where all that is random comes from (0)."
            | Filters _ -> "draw the first layer's weights after the trial run into this PGM file."

/// From what follows the verb doctor to configuration.
module internal DoctorArguments =
    /// Configuration keys and their values.
    let settings (found: DoctorArgument list) =
        found
        |> List.map (fun argument ->
            match argument with
            | Data path -> "Data", path
            | Model name -> "Model", name
            | Hidden sizes -> "Hidden", sizes
            | Optimizer name -> "Optimizer", name
            | Batch size -> "Batch", string size
            | Learning_Rate rate -> "LearningRate", string rate
            | Epochs count -> "Epochs", string count
            | Examples count -> "Examples", string count
            | Steps count -> "Steps", string count
            | Target loss -> "Target", string loss
            | Seed number -> "Seed", string number
            | Filters file -> "Filters", file)
        |> List.map (fun (key, value) -> "Doctor:" + key, value)
