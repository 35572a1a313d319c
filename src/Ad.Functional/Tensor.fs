namespace Ad.Functional

open System
open System.Runtime.CompilerServices
open Ad.Tensors

/// <summary>
/// An immutable n-dimensional array: a node of an expression graph whose shape and element type are known at once, and whose elements
/// are computed when somebody asks for them.
/// </summary>
/// <remarks>
/// Operators broadcast by NumPy's rule. A plain number takes the tensor's element type; two tensors of different types are an error.
/// Tensors are equal when types, shapes and elements are (NaN equals NaN); comparing them computes them.
/// </remarks>
[<Sealed; StructuredFormatDisplay("{Display}")>]
type Tensor
    internal (op: Op, inputs: Tensor[], signature: Signature, ownScope: Scope | null, value: Storage | null) =
    inherit Node(op, nonNull (Unsafe.As<Node[]> inputs), signature, ownScope, value)

    /// The inputs as tensors.
    member internal t.Operands: Tensor[] =
        match t.Inputs with
        | [||] -> [||]
        | inputs -> nonNull (Unsafe.As<Tensor[]> inputs)

    /// The sizes of the axes.
    member t.Shape: Shape = t.Size

    /// The number of axes; 0 for a scalar.
    member t.Rank = t.Size.Rank

    /// The number of elements.
    member t.Count = t.Size.Elements

    // A loop whose state nobody asks for would grow without end; what no transform looks at is computed from time to time.
    static member private Made(t: Tensor) =
        Sources.note t

        if t.Depth % 4096 = 0 && not (Scopes.isOpen t.Scopes) then
            Evaluate.nodes [ t ]

        t

    static member internal Create(op: Op, [<ParamArray>] inputs: Tensor[]) =
        Tensor.Made(Tensor(op, inputs, Shapes.infer op (inputs |> Array.map _.Signature), null, null))

    static member internal OfStorage(value: Storage) =
        Tensor(
            Data,
            [||],
            { Type = value.Type
              Shape = value.Shape },
            null,
            value
        )

    /// A node that stands for a tensor while a function is traced: of its type and shape, and on its device.
    static member internal Standing(t: Tensor, scope: Scope | null) =
        let variable = Tensor(Variable, [||], t.Signature, scope, null)
        variable.Place <- t.Place
        variable

    /// The same elements in a device's memory: the tensor itself if it is there.
    static member internal OnDevice(device: Device, t: Tensor) =
        if obj.ReferenceEquals(t.Place, device) then
            t
        else
            Tensor.Create(OnDevice device, t)

    /// The device that the elements are on, or will be computed on. What was never moved goes with the tensors it meets; by itself it is on the host.
    member t.Device: Device =
        match t.Place with
        | null -> Device.Cpu
        | place -> place

    /// One value in every element of a shape.
    static member internal Splat(value: Scalar, shape: Shape) =
        Tensor(Constant(value, shape), [||], { Type = value.Type; Shape = shape }, null, null)

    /// A plain number where a tensor's elements are expected: in its element type and shape.
    static member internal Like(operation: string, t: Tensor, number: float) =
        if t.DType.IsFloat() then
            Tensor.Splat(Scalar.Of(t.DType, number), t.Size)
        elif
            t.DType.IsInteger()
            && number = Math.Floor number
            && abs number <= 9007199254740992.0
            && (t.DType = DType.Int64 || (number >= -2147483648.0 && number <= 2147483647.0))
        then
            Tensor.Splat(Scalar.Of(t.DType, int64 number), t.Size)
        else
            Shapes.refuse
                operation
                $"the number {number} is not one that {t.DType.Name()} holds; convert the tensor with Tensor.cast."

    static member internal BroadcastTo(shape: Shape, t: Tensor) =
        if t.Size = shape then
            t
        else
            match t.Op with
            | Constant(value, _) -> Tensor.Splat(value, shape)
            | _ -> Tensor.Create(Broadcast shape, t)

    /// An elementwise function of tensors that are broadcast together first.
    static member internal Pointwise(f: Pointwise, [<ParamArray>] inputs: Tensor[]) =
        let first = inputs[0].Signature
        let mutable shape = first.Shape
        let mutable isOneShape = true
        let mutable isOneType = true

        for i in 1 .. inputs.Length - 1 do
            let next = inputs[i].Signature
            isOneType <- isOneType && next.Type = first.Type

            if not (obj.ReferenceEquals(next.Shape, shape) || next.Shape.Equals shape) then
                isOneShape <- false
                shape <- Shapes.broadcast (f.Name()) { first with Shape = shape } next

        let op = Op.ofFunction f

        if
            isOneShape
            && isOneType
            && inputs.Length = f.Arity()
            && Shapes.keepsType f first.Type
        then
            Tensor.Made(Tensor(op, inputs, first, null, null))
        elif isOneShape then
            Tensor.Create(op, inputs)
        else
            let target = shape
            Tensor.Create(op, inputs |> Array.map (fun t -> Tensor.BroadcastTo(target, t)))

    static member (~-)(x: Tensor) = Tensor.Pointwise(Pointwise.Negate, x)
    static member (+)(a: Tensor, b: Tensor) = Tensor.Pointwise(Pointwise.Add, a, b)
    static member (+)(a: Tensor, b: float) = a + Tensor.Like("add", a, b)
    static member (+)(a: float, b: Tensor) = Tensor.Like("add", b, a) + b
    static member (+)(a: Tensor, b: int) = a + float b
    static member (+)(a: int, b: Tensor) = float a + b
    static member (-)(a: Tensor, b: Tensor) = Tensor.Pointwise(Pointwise.Subtract, a, b)
    static member (-)(a: Tensor, b: float) = a - Tensor.Like("subtract", a, b)
    static member (-)(a: float, b: Tensor) = Tensor.Like("subtract", b, a) - b
    static member (-)(a: Tensor, b: int) = a - float b
    static member (-)(a: int, b: Tensor) = float a - b
    static member (*)(a: Tensor, b: Tensor) = Tensor.Pointwise(Pointwise.Multiply, a, b)
    static member (*)(a: Tensor, b: float) = a * Tensor.Like("multiply", a, b)
    static member (*)(a: float, b: Tensor) = Tensor.Like("multiply", b, a) * b
    static member (*)(a: Tensor, b: int) = a * float b
    static member (*)(a: int, b: Tensor) = float a * b
    static member (/)(a: Tensor, b: Tensor) = Tensor.Pointwise(Pointwise.Divide, a, b)
    static member (/)(a: Tensor, b: float) = a / Tensor.Like("divide", a, b)
    static member (/)(a: float, b: Tensor) = Tensor.Like("divide", b, a) / b
    static member (/)(a: Tensor, b: int) = a / float b
    static member (/)(a: int, b: Tensor) = float a / b
    static member (%)(a: Tensor, b: Tensor) = Tensor.Pointwise(Pointwise.Remainder, a, b)
    static member (%)(a: Tensor, b: float) = a % Tensor.Like("remainder", a, b)
    static member (%)(a: Tensor, b: int) = a % float b
    static member Pow(a: Tensor, b: Tensor) = Tensor.Pointwise(Pointwise.Power, a, b)

    /// x ** n; whole exponents from -4 to 4 are products, so that their derivatives are exact everywhere. Of integers all from 0 are, by squaring.
    static member Pow(a: Tensor, b: float) : Tensor =
        match b with
        | 1.0 -> a
        | 2.0 -> a * a
        | 3.0 -> a * a * a
        | 4.0 ->
            let square = a * a
            square * square
        | -1.0
        | -2.0
        | -3.0
        | -4.0 when a.DType.IsFloat() -> 1.0 / Tensor.Pow(a, -b)
        | 0.0 when a.DType.IsFloat() || a.DType.IsInteger() -> Tensor.Like("power", a, 1.0)
        | _ when a.DType.IsInteger() && b > 0.0 && b = Math.Floor b && b <= 2147483647.0 ->
            let half = Tensor.Pow(a, Math.Floor(b / 2.0))
            if b % 2.0 = 0.0 then half * half else half * half * a
        | _ -> Tensor.Pow(a, Tensor.Like("power", a, b))

    static member Pow(a: Tensor, b: int) = Tensor.Pow(a, float b)
    static member Pow(a: float, b: Tensor) = Tensor.Pow(Tensor.Like("power", b, a), b)
    static member Abs(x: Tensor) = Tensor.Pointwise(Pointwise.Abs, x)
    static member Exp(x: Tensor) = Tensor.Pointwise(Pointwise.Exp, x)
    static member Log(x: Tensor) = Tensor.Pointwise(Pointwise.Log, x)
    static member Log10(x: Tensor) = Tensor.Log x * (1.0 / Math.Log 10.0)
    static member Sqrt(x: Tensor) = Tensor.Pointwise(Pointwise.Sqrt, x)
    static member Sin(x: Tensor) = Tensor.Pointwise(Pointwise.Sin, x)
    static member Cos(x: Tensor) = Tensor.Pointwise(Pointwise.Cos, x)
    static member Tan(x: Tensor) = Tensor.Pointwise(Pointwise.Tan, x)
    static member Asin(x: Tensor) = Tensor.Pointwise(Pointwise.Asin, x)
    static member Acos(x: Tensor) = Tensor.Pointwise(Pointwise.Acos, x)
    static member Atan(x: Tensor) = Tensor.Pointwise(Pointwise.Atan, x)
    static member Atan2(y: Tensor, x: Tensor) = Tensor.Pointwise(Pointwise.Atan2, y, x)
    static member Sinh(x: Tensor) = Tensor.Pointwise(Pointwise.Sinh, x)
    static member Cosh(x: Tensor) = Tensor.Pointwise(Pointwise.Cosh, x)
    static member Tanh(x: Tensor) = Tensor.Pointwise(Pointwise.Tanh, x)
    static member Floor(x: Tensor) = Tensor.Pointwise(Pointwise.Floor, x)
    static member Ceiling(x: Tensor) = Tensor.Pointwise(Pointwise.Ceil, x)
    static member Round(x: Tensor) = Tensor.Pointwise(Pointwise.Round, x)

    /// The elements in the host's memory, computed now if nobody has asked before.
    member internal t.Host = (Evaluate.value t).ToHost()

    /// <summary>The elements row by row, in a new array.</summary>
    /// <exception cref="T:System.ArgumentException">The elements are of another type; Tensor.cast converts.</exception>
    member t.ToArray<'a when 'a: unmanaged and 'a: struct and 'a: (new: unit -> 'a) and 'a :> ValueType>
        ()
        : 'a[] =
        if DTypes.Of<'a>() <> t.DType then
            Shapes.refuse
                "toArray"
                $"the elements are {t.DType.Name()}, not {DTypes.Of<'a>().Name()}; convert with Tensor.cast."

        t.Host.ToArray<'a>()

    /// <summary>The only element as a double; true is 1.</summary>
    /// <exception cref="T:System.ArgumentException">There is not exactly one element.</exception>
    member t.ToScalar() : float =
        if t.Count <> 1L then
            Shapes.refuse "toScalar" $"a tensor of shape {t.Size} has {t.Count} elements, not one."

        t.Host.Number 0

    /// The elements as text by position; nothing is evaluated until the function is called.
    member private t.Text: int -> string =
        let number (x: float) =
            if x = Math.Floor x && abs x < 1e6 then
                x.ToString("0.0", Globalization.CultureInfo.InvariantCulture)
            else
                let text = x.ToString("G6", Globalization.CultureInfo.InvariantCulture)
                // Rounded to a whole number, it is a float still.
                if Seq.forall (fun c -> Char.IsAsciiDigit c || c = '-') text then
                    text + ".0"
                else
                    text

        let host = t.Host

        match t.DType with
        | DType.Bool -> fun i -> if host.Elements<bool>()[i] then "true" else "false"
        | DType.Int32 -> fun i -> string (host.Elements<int>()[i])
        | DType.Int64 -> fun i -> string (host.Elements<int64>()[i])
        | DType.Float16
        | DType.BFloat16 ->
            fun i ->
                let x = host.Number i

                if x = Math.Floor x && abs x < 1e6 then
                    number x
                else
                    Scalar.Of(t.DType, x).ToString()
        | DType.Float32 -> fun i -> number (float (host.Elements<float32>()[i]))
        | DType.Float64 -> fun i -> number (host.Elements<float>()[i])

    /// The elements in brackets; of more than a thousand, the first and last three along each axis.
    member private t.Elements =
        let text = t.Text
        let strides = t.Size.Strides()
        let shown = 3

        let rec show axis offset =
            if axis = t.Rank then
                text (int offset)
            else
                let size = t.Size[axis]
                let item i = show (axis + 1) (offset + int64 i * strides[axis])

                let items =
                    if t.Count > 1000L && size > 2 * shown then
                        [ yield! Seq.init shown item
                          yield "..."
                          yield! Seq.init shown (fun i -> item (size - shown + i)) ]
                    else
                        List.init size item

                let separator =
                    match t.Rank - axis with
                    | 1 -> ", "
                    | 2 when t.Count <= 16L -> ", "
                    | deep ->
                        String.replicate (deep - 1) "\n"
                        |> sprintf ",%s"
                        |> fun s -> s + String(' ', axis + 1)

                "[" + String.Join(separator, items) + "]"

        show 0 0L

    /// The elements, then the type and shape: [1.0, 2.0] : float64[2]. Computes them.
    override t.ToString() =
        if isNull t.Value && (t.Op = Variable && t.Inputs.Length = 0) then
            $"argument : {t.Signature}"
        else
            $"{t.Elements} : {t.Signature}"

    /// What a script's prompt shows.
    member t.Display = t.ToString()

    override t.Equals other =
        match other with
        | :? Tensor as u ->
            obj.ReferenceEquals(t, u)
            || t.DType = u.DType
               && t.Size = u.Size
               && (match t.DType with
                   | DType.Float16
                   | DType.BFloat16 ->
                       let a, b = t.Host, u.Host
                       Seq.forall (fun i -> a.Number(i).Equals(b.Number i)) (seq { 0 .. int t.Count - 1 })
                   | DType.Float32 -> t.Host.Elements<float32>().SequenceEqual(u.Host.Elements<float32>())
                   | DType.Float64 -> t.Host.Elements<float>().SequenceEqual(u.Host.Elements<float>())
                   | DType.Bool
                   | DType.Int32
                   | DType.Int64 -> t.Host.Bytes.SequenceEqual u.Host.Bytes)
        | _ -> false

    override t.GetHashCode() =
        // Elements that are equal may differ in bits (0 and -0, NaNs), so only what never does is hashed.
        HashCode.Combine(t.DType, t.Size)
