namespace Ad.Functional.Scalar

open System.Numerics

/// Writes constants in `inline` functions that are to run on any number: `2G * x`, `real 0.5 * x`.
[<AutoOpen>]
module Literals =
    /// A float as a number of the type that is wanted, by INumberBase.CreateChecked.
    let inline real (x: float) : 'T :> INumberBase<'T> = 'T.CreateChecked x

    /// Whole-number literals of any number type: 0G, 1G, 2G.
    module NumericLiteralG =
        /// 0G.
        let inline FromZero () : 'T :> INumberBase<'T> = 'T.Zero

        /// 1G.
        let inline FromOne () : 'T :> INumberBase<'T> = 'T.One

        /// 2G and other literals that fit an int.
        let inline FromInt32 (n: int) : 'T :> INumberBase<'T> = 'T.CreateChecked n

        /// Literals that fit an int64.
        let inline FromInt64 (n: int64) : 'T :> INumberBase<'T> = 'T.CreateChecked n
