namespace Ad.Checks

open System

/// Compares floats by the number of representable values between them.
[<RequireQualifiedAccess>]
module Close =
    // Two's complement order on the bits: consecutive floats map to consecutive integers, both zeros to 0.
    let private ordered (x: float) =
        let bits = BitConverter.DoubleToInt64Bits x
        if bits < 0L then Int64.MinValue - bits else bits

    /// The number of floats between two floats, 0 when they are equal or both NaN, and the largest uint64
    /// when only one is NaN.
    let ulps (x: float) (y: float) : uint64 =
        if Double.IsNaN x || Double.IsNaN y then
            if Double.IsNaN x && Double.IsNaN y then
                0UL
            else
                UInt64.MaxValue
        else
            let a, b = ordered x, ordered y
            if a > b then uint64 (a - b) else uint64 (b - a)

    /// Whether two floats are at most that many representable values apart.
    let within (limit: int) (x: float) (y: float) = ulps x y <= uint64 limit
