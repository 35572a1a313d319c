using System.Globalization;
using System.Reflection;
using System.Text;

namespace Ad.Tensors.Cuda;

/// <summary>
/// The CUDA C++ of a plan: the functions its kernels need, in the order in which they were asked for, equal ones once. In a function's text @
/// stands for its name.
/// </summary>
internal sealed class ModuleSource
{
    private static readonly string[] Order = ["prelude", "random", "special", "error", "bessel", "reduce", "matrix", "staged", "sort", "solve"];
    private static readonly Dictionary<string, string> Texts = Order.ToDictionary(part => part, Read);

    private readonly Dictionary<string, string> _names = [];
    private readonly HashSet<string> _parts = ["prelude"];
    private readonly StringBuilder _functions = new();
    private readonly List<Failure> _failures = [];

    /// <summary>The parts of the library, each after those it builds on.</summary>
    public static IEnumerable<string> Parts => Order.Select(part => Texts[part]);

    /// <summary>What a function can find wrong, by its number less 1.</summary>
    public IReadOnlyList<Failure> Failures => _failures;

    /// <summary>The names of the kernels.</summary>
    public IReadOnlyCollection<string> Names => _names.Values;

    /// <summary>Adds a function that uses some of the parts in Sources, and gives its name.</summary>
    public string Add(string text, params ReadOnlySpan<string> parts)
    {
        foreach (var part in parts)
        {
            _parts.Add(part);
        }

        if (!_names.TryGetValue(text, out var name))
        {
            _names[text] = name = string.Create(CultureInfo.InvariantCulture, $"k{_names.Count}");
            _functions.Append('\n').Append(text.Replace("@", name, StringComparison.Ordinal));
        }

        return name;
    }

    /// <summary>The number under which a function reports this.</summary>
    public int Number(Failure failure)
    {
        var at = _failures.IndexOf(failure);
        if (at < 0)
        {
            _failures.Add(failure);
            at = _failures.Count - 1;
        }

        return at + 1;
    }

    /// <summary>The whole module.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var part in Order.Where(_parts.Contains))
        {
            text.Append(Texts[part]).Append('\n');
        }

        return text.Append(_functions).ToString();
    }

    private static string Read(string part)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"Ad.Tensors.Cuda.{part}.cu")
            ?? throw new InvalidOperationException($"The kernels' part {part} is not in the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd()
            .Replace("@ZETA@", Listed(Cpu.SpecialFunctions.ZetaMinusOne), StringComparison.Ordinal)
            .Replace("@ERFCX@", Listed([.. Cpu.SpecialFunctions.Scaled]), StringComparison.Ordinal);
    }

    private static string Listed(double[] numbers) => string.Join(", ", numbers.Select(z => z.ToString("R", CultureInfo.InvariantCulture)));
}

/// <summary>What a kernel found wrong with the values it was given; {0} in the text stands for the value to blame.</summary>
internal sealed record Failure(string Text, bool IsDivision = false)
{
    /// <summary>An integer divided by zero.</summary>
    public static Failure DivisionByZero { get; } =
        new("An integer was divided by zero; the operation divide or remainder has no answer there.", IsDivision: true);

    private const string Late =
        " It shows late, as the host does not wait for the device: whatever was computed from this is not to be used. FUNCTIONAL_CUDA_WAIT=1 in the environment finds it at once.";

    /// <summary>The error to throw; one that is late says so.</summary>
    public Exception Exception(long value, bool late)
    {
        var text = Text.Replace("{0}", value.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal) + (late ? Late : "");
        return IsDivision ? new DivideByZeroException(text) : new TensorException(text);
    }
}
