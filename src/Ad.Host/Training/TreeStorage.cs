using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Tensors;

namespace Ad.Host;

using Tensors = Ad.Functional.CSharp.Tensors;

/// <summary>Trees of tensors as named tensors, the way files hold them.</summary>
public static class TreeStorage
{
    /// <summary>Every tensor of a tree under its path, such as Parameters.0.Weights.</summary>
    public static IReadOnlyList<KeyValuePair<string, HostStorage>> Save<T>(T tree) =>
        [.. Trees.Names(tree).Zip(Trees.Leaves(tree), (name, leaf) => KeyValuePair.Create(name, Stored(leaf)))];

    /// <summary>A tree like the template with the named tensors in it.</summary>
    /// <exception cref="InvalidDataException">One is missing, or has another shape or type; the message names it.</exception>
    public static T Load<T>(T template, IReadOnlyDictionary<string, HostStorage> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var leaves = Trees.Names(template).Zip(Trees.Leaves(template), (name, leaf) => Find(name, leaf, tensors));
        return Trees.Rebuild(template, [.. leaves]);
    }

    private static HostStorage Stored(Tensor leaf) => leaf.DType switch
    {
        DType.Bool => Copy<bool>(leaf),
        DType.Int32 => Copy<int>(leaf),
        DType.Int64 => Copy<long>(leaf),
        DType.Float32 => Copy<float>(leaf),
        DType.Float64 => Copy<double>(leaf),
    };

    private static HostStorage Copy<T>(Tensor leaf)
        where T : unmanaged => HostStorage.Copy<T>(leaf.Shape, leaf.ToArray<T>());

    private static Tensor Find(string name, Tensor like, IReadOnlyDictionary<string, HostStorage> tensors)
    {
        if (!tensors.TryGetValue(name, out var stored))
        {
            throw new InvalidDataException($"{name} is missing.");
        }

        return stored.Type == like.DType && stored.Shape == like.Shape
            ? Read(stored)
            : throw new InvalidDataException(
                $"{name} is {stored.Type.Name()}{stored.Shape}, but must be {like.DType.Name()}{like.Shape}.");
    }

    private static Tensor Read(HostStorage stored) => stored.Type switch
    {
        DType.Bool => Of<bool>(stored),
        DType.Int32 => Of<int>(stored),
        DType.Int64 => Of<long>(stored),
        DType.Float32 => Of<float>(stored),
        DType.Float64 => Of<double>(stored),
    };

    private static Tensor Of<T>(HostStorage stored)
        where T : unmanaged => Tensors.OfArray([.. stored.Shape], stored.Elements<T>().ToArray());
}
