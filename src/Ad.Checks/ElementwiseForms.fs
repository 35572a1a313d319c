namespace Ad.Checks

open Ad.Functional
open Ad.Tensors
open Forms

/// Where each elementwise function is smooth.
[<RequireQualifiedAccess>]
module internal ElementwiseForms =
    /// An elementwise function, by its derivative-carrying domains.
    let private elementwise (f: Pointwise) (isLinear: bool) (domains: Domain list) =
        { Name = f.Name()
          IsLinear = isLinear
          Forms =
            [ fun s ->
                  { Text = f.Name()
                    Inputs = domains |> List.map (input [ s.A; s.B ])
                    Apply = fun x -> Tensor.Pointwise(f, x) } ] }

    /// The line of a function of whole order, which is held: it has no derivative.
    let private ofOrder (f: Pointwise) (domain: Domain) =
        let order k s =
            { Text = $"{f.Name()} {k}"
              Inputs = [ input [ s.A; s.B ] domain ]
              Apply = fun x -> Tensor.Pointwise(f, Tensor.fullLike x[0] (float (k: int)), x[0]) }

        Some
            { Name = f.Name()
              IsLinear = false
              Forms = [ order 0; order 1; order 2 ] }

    /// The line of an elementwise function; None for one without a derivative.
    let entry (f: Pointwise) : Entry option =
        let smooth domains = Some(elementwise f false domains)
        let linear domains = Some(elementwise f true domains)

        match f with
        | Pointwise.Negate -> linear [ anywhere ]
        | Pointwise.Abs
        | Pointwise.Sign -> smooth [ Outside(0.2, 3.0) ]
        | Pointwise.Exp
        | Pointwise.Expm1
        | Pointwise.Sin
        | Pointwise.Cos
        | Pointwise.Atan
        | Pointwise.Sinh
        | Pointwise.Cosh
        | Pointwise.Tanh
        | Pointwise.Asinh
        | Pointwise.Sigmoid
        | Pointwise.Erf
        | Pointwise.Erfc -> smooth [ anywhere ]
        | Pointwise.Log
        | Pointwise.Sqrt
        | Pointwise.Rsqrt
        | Pointwise.Lgamma
        | Pointwise.Digamma -> smooth [ positive ]
        | Pointwise.Log1p -> smooth [ Between(-0.6, 3.0) ]
        | Pointwise.Tan -> smooth [ Between(-1.2, 1.2) ]
        | Pointwise.Asin
        | Pointwise.Acos
        | Pointwise.Erfinv
        | Pointwise.Atanh -> smooth [ Between(-0.8, 0.8) ]
        | Pointwise.Erfcinv -> smooth [ Between(0.2, 1.8) ]
        | Pointwise.Acosh -> smooth [ Between(1.3, 4.0) ]
        | Pointwise.Floor
        | Pointwise.Ceil -> smooth [ NearWhole 0.5 ]
        | Pointwise.Round -> smooth [ NearWhole 0.0 ]
        | Pointwise.Add
        | Pointwise.Subtract -> linear [ anywhere; anywhere ]
        | Pointwise.Multiply -> smooth [ anywhere; anywhere ]
        | Pointwise.Divide -> smooth [ anywhere; Outside(0.4, 2.0) ]
        | Pointwise.Remainder -> smooth [ Between(2.2, 2.7); Between(0.97, 1.03) ]
        | Pointwise.Power -> smooth [ positive; anywhere ]
        | Pointwise.Atan2 -> smooth [ Outside(0.3, 2.0); anywhere ]
        | Pointwise.Maximum
        | Pointwise.Minimum -> smooth [ Apart 0; Apart 1 ]
        | Pointwise.Scale -> smooth [ Outside(0.1, 2.0); anywhere ]
        | Pointwise.MultiplyAdd -> smooth [ anywhere; anywhere; anywhere ]
        | Pointwise.Select -> linear [ Choice; anywhere; anywhere ]
        | Pointwise.Polygamma -> ofOrder f positive
        | Pointwise.Erfcx
        | Pointwise.BesselI
        | Pointwise.BesselJ -> ofOrder f anywhere
        | Pointwise.BesselIe -> ofOrder f (Outside(0.2, 2.0))
        | Pointwise.Not
        | Pointwise.Equal
        | Pointwise.NotEqual
        | Pointwise.Less
        | Pointwise.LessEqual
        | Pointwise.And
        | Pointwise.Or
        | Pointwise.Xor -> None
