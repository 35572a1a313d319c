namespace Ad.Checks

open Ad.Functional

/// Where an input's elements are drawn: inside the region where the operation is smooth, away from its edges and kinks.
type Domain =
    /// Anywhere between two numbers.
    | Between of Low: float * High: float
    /// Either side of 0, no nearer than the gap.
    | Outside of Gap: float * High: float
    /// Within 0.3 of whole numbers plus an offset.
    | NearWhole of Offset: float
    /// All elements at least 0.04 apart from each other, and 0.04 from those of inputs with the other parity.
    | Apart of Parity: int
    /// Whole numbers from 0 up to but not including a limit, Int32.
    | Index of Limit: int
    /// True or false.
    | Choice

/// One input: its shape and where its elements lie.
type Input = { Shape: int list; Domain: Domain }

/// The sizes that a case's shapes are made of; they shrink.
type Sizes = { A: int; B: int; C: int }

/// An operation with its parameters, for some sizes.
type Case =
    { Text: string
      Inputs: Input list
      Apply: Tensor[] -> Tensor }

/// A line of the catalogue: an operation, in all its forms.
type Entry =
    {
        /// The operation's name, as program text and errors have it.
        Name: string
        /// Whether it is linear in its float inputs together, so that its tangent is itself.
        IsLinear: bool
        /// Its forms.
        Forms: (Sizes -> Case) list
    }

/// What lines of the catalogue are made of.
module internal Forms =
    /// Numbers to either side of 0.
    let anywhere = Between(-2.0, 2.0)
    /// Numbers above 0.
    let positive = Between(0.3, 3.0)
    /// A shape with a domain.
    let input shape domain = { Shape = shape; Domain = domain }

    /// A form of one input.
    let unary text domain (shape: Sizes -> int list) (f: Tensor -> Tensor) (s: Sizes) : Case =
        { Text = text
          Inputs = [ input (shape s) domain ]
          Apply = fun x -> f x[0] }

    /// Three axes.
    let cube (s: Sizes) = [ s.A; s.B; s.C ]
    /// Three axes that are not empty.
    let full (s: Sizes) = [ max 1 s.A; max 1 s.B; max 1 s.C ]
    /// Axes to go over.
    let axes = [ []; [ 0 ]; [ 1 ]; [ 2 ]; [ 0; 2 ]; [ -1; 0 ]; [ 0; 1; 2 ] ]
    /// A value as F# writes it.
    let named (x: 'a) = sprintf "%A" x

    /// A reduction, over all kinds of axes.
    let reduction name isLinear domain shape (f: int list -> Tensor -> Tensor) =
        { Name = name
          IsLinear = isLinear
          Forms =
            axes
            |> List.map (fun over -> unary $"{name} over {named over}" domain shape (f over)) }

    /// An operation that moves elements.
    let movement name (forms: (string * (Sizes -> int list) * (Tensor -> Tensor)) list) =
        { Name = name
          IsLinear = true
          Forms = forms |> List.map (fun (text, shape, f) -> unary text anywhere shape f) }

    /// A form of two inputs.
    let contraction
        text
        (left: Sizes -> int list)
        (right: Sizes -> int list)
        (f: Tensor -> Tensor -> Tensor)
        (s: Sizes)
        =
        { Text = text
          Inputs = [ input (left s) anywhere; input (right s) anywhere ]
          Apply = fun x -> f x[0] x[1] }
