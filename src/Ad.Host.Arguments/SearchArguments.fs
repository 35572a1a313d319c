namespace Ad.Host.Arguments

open Argu

/// What may follow the verb search.
[<HelpFlags("--help", "-h")>]
type SearchArgument =
    | [<Unique; AltCommandLine("--data-dir")>] Data of path: string
    | [<Unique; AltCommandLine("-m")>] Model of name: string
    | [<Unique>] Hidden of sizes: string
    | [<Unique>] Optimizer of name: string
    | [<Unique; AltCommandLine("-b")>] Batch of size: int
    | [<Unique; AltCommandLine("-e")>] Epochs of count: int
    | [<Unique>] Method of name: string
    | [<Unique; AltCommandLine("-n")>] Trials of count: int
    | [<Unique>] Folds of count: int
    | [<Unique; AltCommandLine("-r")>] Learning_Rate of range: string
    | [<Unique>] Weight_Decay of range: string
    | [<Unique>] Dropout of range: string
    | [<Unique>] Seed of number: int64
    | [<Unique>] Csv of file: string

    interface IArgParserTemplate with
        member x.Usage =
            match x with
            | Data _ -> "what is to be learned, as for train (the built-in digits)."
            | Model _ -> "what is trained: mlp, lenet, convnet, resnet8 or resnet20 (mlp)."
            | Hidden _ -> "units of mlp's hidden layers, such as 512,64, or none (64)."
            | Optimizer _ -> "how updates are made from gradients (adam)."
            | Batch _ -> "examples in a step (64)."
            | Epochs _ -> "epochs of each run (5)."
            | Method _ ->
                "bayes: where a Gaussian process expects most; random; grid: all combinations (bayes)."
            | Trials _ -> "settings to try; of a grid, values of each setting (20)."
            | Folds _ -> "parts of the training examples, each held out of a run once (3)."
            | Learning_Rate _ -> "from..to, by powers, or one number (0.0001..0.1)."
            | Weight_Decay _ -> "from..to, by powers, or one number (0.0001..0.1)."
            | Dropout _ -> "from..to, or one number (0..0.5)."
            | Seed _ -> "where all that is random comes from (0)."
            | Csv _ -> "write what was tried into this file."

/// From what follows the verb search to configuration.
module internal SearchArguments =
    /// Configuration keys and their values.
    let settings (found: SearchArgument list) =
        found
        |> List.map (fun argument ->
            match argument with
            | Data path -> "Data", path
            | Model name -> "Model", name
            | Hidden sizes -> "Hidden", sizes
            | Optimizer name -> "Optimizer", name
            | Batch size -> "Batch", string size
            | Epochs count -> "Epochs", string count
            | Method name -> "Method", name
            | Trials count -> "Trials", string count
            | Folds count -> "Folds", string count
            | Learning_Rate range -> "LearningRate", range
            | Weight_Decay range -> "WeightDecay", range
            | Dropout range -> "Dropout", range
            | Seed number -> "Seed", string number
            | Csv file -> "Csv", file)
        |> List.map (fun (key, value) -> "Search:" + key, value)
