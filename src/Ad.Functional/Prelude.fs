namespace Ad.Functional

open Ad.Tensors

/// The devices by name.
[<AutoOpen>]
module Devices =
    /// The host's processors.
    let Cpu = Device.Cpu

    /// <summary>The NVIDIA GPU of a number, counted from 0.</summary>
    /// <exception cref="T:Ad.Tensors.Cuda.CudaException">There is no driver, no such device, or no compiler; the message says what to do.</exception>
    let Cuda (ordinal: int) = Device.Cuda ordinal

/// The element types by name.
[<AutoOpen>]
module ElementTypes =
    /// True or false.
    [<Literal>]
    let Bool = DType.Bool

    /// A 32-bit signed integer, F#'s int.
    [<Literal>]
    let Int32 = DType.Int32

    /// A 64-bit signed integer, F#'s int64.
    [<Literal>]
    let Int64 = DType.Int64

    /// IEEE 754 binary16, .NET's Half: stored in 16 bits, computed in Float32 and rounded after every operation.
    [<Literal>]
    let Float16 = DType.Float16

    /// The upper half of a Float32: stored in 16 bits, computed in Float32 and rounded after every operation.
    [<Literal>]
    let BFloat16 = DType.BFloat16

    /// IEEE 754 binary32, F#'s float32.
    [<Literal>]
    let Float32 = DType.Float32

    /// IEEE 754 binary64, F#'s float.
    [<Literal>]
    let Float64 = DType.Float64
