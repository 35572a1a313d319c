namespace Bench

open System
open System.Reflection
open BenchmarkDotNet.Attributes
open BenchmarkDotNet.Running

/// Every case as a benchmark.
[<MemoryDiagnoser>]
type Benchmarks() =
    let mutable run = ignore

    /// What is timed.
    [<ParamsSource("Names")>]
    member val Case = "" with get, set

    /// The names of all cases.
    static member Names = Cases.all |> Seq.map _.Name

    /// Makes the case ready.
    [<GlobalSetup>]
    member x.Setup() = run <- (Cases.all |> List.find (fun c -> c.Name = x.Case)).Make()

    /// Runs the case once.
    [<Benchmark>]
    member _.Run() = run ()

module Program =
    [<EntryPoint>]
    let main argv =
        match List.ofArray argv with
        | "--quick" :: "--smoke" :: _ ->
            Quick.run true ""
            OnDevice.run Ad.Functional.Devices.Cpu true
            0
        | "--device" :: name :: _ ->
            try
                let device =
                    match name.Split ':' with
                    | [| "cpu" |] -> Ad.Functional.Devices.Cpu
                    | [| "cuda" |] -> Ad.Functional.Devices.Cuda 0
                    | [| "cuda"; ordinal |] -> Ad.Functional.Devices.Cuda(int ordinal)
                    | _ -> invalidArg "--device" $"There is no device {name}: name cpu, cuda or cuda:1."

                OnDevice.run device false
                0
            with
            | :? Ad.Tensors.Cuda.CudaException
            | :? ArgumentException as e ->
                eprintfn $"{e.Message}"
                1
        | "--devices" :: _ ->
            printf $"{Ad.Tensors.Cuda.CudaDevices.Describe()}"
            // The exit code of what a machine lacks, as sysexits has it.
            if Ad.Tensors.Cuda.CudaDevices.Count > 0 then 0 else 69
        | "--quick" :: rest ->
            Quick.run false (String.Join(' ', rest))
            0
        | _ ->
            BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run argv
            |> ignore

            0
