using System.Runtime.InteropServices;

namespace Ad.Tensors;

/// <summary>The elements of a tensor in a device's memory, row by row. Never changed once somebody else has seen it.</summary>
public abstract class Storage(DType type, Shape shape)
{
    /// <summary>The element type.</summary>
    public DType Type { get; } = type;

    /// <summary>The sizes of the axes.</summary>
    public Shape Shape { get; } = shape;

    /// <summary>The device in whose memory the elements are.</summary>
    public abstract Device Device { get; }

    /// <summary>The same elements under another shape with as many of them.</summary>
    public abstract Storage Reshaped(Shape shape);

    /// <summary>What holds the elements: one object for all storages that share them.</summary>
    public virtual object Memory => this;

    /// <summary>The elements in the host's memory: this storage itself when it is there already.</summary>
    public abstract HostStorage ToHost();
}

/// <summary>Elements in the host's memory.</summary>
public sealed class HostStorage : Storage
{
    private readonly HostMemory _memory;

    private HostStorage(DType type, Shape shape, HostMemory memory)
        : base(type, shape) => _memory = memory;

    /// <summary>Room for a tensor's elements, not yet written.</summary>
    /// <exception cref="OutOfMemoryException">There are more than 2^31 bytes, or no memory is left.</exception>
    public static HostStorage Allocate(DType type, Shape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var bytes = shape.Elements * type.Size();
        if (bytes > System.Array.MaxLength)
        {
            throw new InsufficientMemoryException($"A {type.Name()}{shape} takes {bytes} bytes, more than the {System.Array.MaxLength} one tensor may have.");
        }

        try
        {
            return new HostStorage(type, shape, HostMemory.Allocate((int)bytes));
        }
        catch (OutOfMemoryException e)
        {
            throw new InsufficientMemoryException($"A {type.Name()}{shape} takes {bytes} bytes, which the system does not give.", e);
        }
    }

    /// <summary>A copy of an array's elements.</summary>
    /// <exception cref="ArgumentException">Their number is not the shape's.</exception>
    public static HostStorage Copy<T>(Shape shape, ReadOnlySpan<T> elements)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (elements.Length != shape.Elements)
        {
            throw new ArgumentException($"A tensor of shape {shape} has {shape.Elements} elements, but {elements.Length} were given.");
        }

        var storage = Allocate(DTypes.Of<T>(), shape);
        MemoryMarshal.AsBytes(elements).CopyTo(storage._memory.Bytes);
        return storage;
    }

    /// <summary>One element, as a tensor of rank 0.</summary>
    public static HostStorage Of(Scalar value)
    {
        var storage = Allocate(value.Type, Shape.Scalar);
        switch (value.Type)
        {
            case DType.Bool:
                storage.Writable<bool>()[0] = value.ToInt64() != 0;
                break;
            case DType.Int32:
                storage.Writable<int>()[0] = (int)value.ToInt64();
                break;
            case DType.Int64:
                storage.Writable<long>()[0] = value.ToInt64();
                break;
            case DType.Float16:
            case DType.BFloat16:
                storage.Writable<ushort>()[0] = Halves.Of(value.Type, value.ToDouble());
                break;
            case DType.Float32:
                storage.Writable<float>()[0] = (float)value.ToDouble();
                break;
            case DType.Float64:
                storage.Writable<double>()[0] = value.ToDouble();
                break;
        }

        return storage;
    }

    /// <summary>An element, counted row by row, as a double; true is 1.</summary>
    public double Number(int index) => Type switch
    {
        DType.Bool => Elements<byte>()[index] != 0 ? 1 : 0,
        DType.Int32 => Elements<int>()[index],
        DType.Int64 => Elements<long>()[index],
        DType.Float16 or DType.BFloat16 => Halves.ToSingle(Type, Elements<ushort>()[index]),
        DType.Float32 => Elements<float>()[index],
        DType.Float64 => Elements<double>()[index],
    };

    /// <summary>The elements, as the .NET type that the element type names.</summary>
    public ReadOnlySpan<T> Elements<T>()
        where T : unmanaged => Writable<T>();

    /// <summary>A copy of the elements, as the .NET type that the element type names.</summary>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        var copy = MemoryMarshal.Cast<byte, T>(_memory.Bytes).ToArray();
        GC.KeepAlive(_memory);
        return copy;
    }

    /// <summary>The elements as bytes, in the machine's byte order.</summary>
    public ReadOnlySpan<byte> Bytes => _memory.Show();

    /// <inheritdoc/>
    public override Device Device => Device.Cpu;

    /// <inheritdoc/>
    public override HostStorage Reshaped(Shape shape) => new(Type, shape, _memory);

    /// <inheritdoc/>
    public override object Memory => _memory;

    /// <summary>Where the elements are, for whoever keeps the storage alive while it uses them.</summary>
    internal HostMemory Place => _memory;

    /// <inheritdoc/>
    public override HostStorage ToHost() => this;

    /// <summary>The elements, for whoever makes the storage and has not yet shown it to anybody.</summary>
    public Span<T> Writable<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(_memory.Show());
}
