namespace Ad.Functional

open System.Reflection

/// Says which version this is.
[<RequireQualifiedAccess>]
module Version =
    /// The version of this assembly, as major.minor.build.
    let current =
        match Assembly.GetExecutingAssembly().GetName().Version with
        | null -> "0.0.0"
        | version -> version.ToString 3
