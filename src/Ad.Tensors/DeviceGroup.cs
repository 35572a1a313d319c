using Ad.Tensors.Cuda;

namespace Ad.Tensors;

/// <summary>
/// Several devices that hold the same tensors and add up what each has found: by NVIDIA's NCCL where all are GPUs and it is found, else by way of the host.
/// Sums are the same bits on every device and from run to run, whichever device is done first.
/// </summary>
public sealed class DeviceGroup
{
    private readonly Device[] _devices;
    private readonly ICollectives? _collectives;
    private readonly Lock _gate = new();

    internal DeviceGroup(IReadOnlyList<Device> devices, ICollectives? collectives)
    {
        ArgumentNullException.ThrowIfNull(devices);
        if (devices.Count == 0)
        {
            throw new ArgumentException("A group has at least one device.", nameof(devices));
        }

        if (devices.Distinct().Count() != devices.Count)
        {
            throw new ArgumentException($"A group has each device once, but there are {string.Join(", ", devices)}.", nameof(devices));
        }

        (_devices, _collectives) = ([.. devices], collectives);
    }

    /// <summary>The devices, in the order in which sums are added.</summary>
    public IReadOnlyList<Device> Devices => _devices;

    /// <summary>What adds up: NCCL with its version and where it was found, or the host.</summary>
    public string Name => _collectives?.Name ?? "the host";

    /// <summary>A group of these devices.</summary>
    /// <exception cref="ArgumentException">There are none, or one is there twice.</exception>
    public static DeviceGroup Of(params IReadOnlyList<Device> devices)
    {
        ArgumentNullException.ThrowIfNull(devices);
        return new DeviceGroup(devices, devices.Count > 1 && devices.All(d => d is CudaDevice { Driver: LibCuda }) ? CudaDevices.Collectives([.. devices.Cast<CudaDevice>().Select(d => d.Ordinal)]) : null);
    }

    /// <summary>
    /// For each device the sums over all devices of each tensor: result[d][t] is, on device d, the sum over i of tensors[i][t], added in the order of the devices
    /// by the host, and in one that their number alone decides by NCCL. Numbers of 16 bits are added in Float32 and rounded once.
    /// </summary>
    /// <exception cref="ArgumentException">The devices' tensors do not agree in number, type or shape, or are of Bool; the message names them.</exception>
    public Storage[][] Sum(IReadOnlyList<IReadOnlyList<Storage>> tensors)
    {
        Check(tensors);
        if (_devices.Length == 1)
        {
            return [[.. tensors[0].Select(_devices[0].Place)]];
        }

        var results = _devices.Select(_ => new Storage[tensors[0].Count]).ToArray();
        int[] together = [.. Enumerable.Range(0, tensors[0].Count).Where(t => _collectives is not null && _collectives.Takes(tensors[0][t].Type) && tensors[0][t].Shape.Elements > 0)];
        foreach (var t in Enumerable.Range(0, tensors[0].Count).Except(together))
        {
            var sum = OnHost([.. tensors.Select(of => of[t])]);
            for (var d = 0; d < _devices.Length; d++)
            {
                results[d][t] = _devices[d].Place(sum);
            }
        }

        if (together.Length > 0)
        {
            Together(tensors, together, results);
        }

        return results;
    }

    private void Together(IReadOnlyList<IReadOnlyList<Storage>> tensors, int[] chosen, Storage[][] results)
    {
        // Devices must be asked for the same sums in the same order, whoever else asks.
        lock (_gate)
        {
            var shares = new CollectiveShare[_devices.Length];
            var placed = new List<CudaStorage>();
            for (var d = 0; d < _devices.Length; d++)
            {
                var device = (CudaDevice)_devices[d];
                var parts = new List<(ulong From, ulong To)>();
                foreach (var t in chosen)
                {
                    var from = (CudaStorage)device.Place(tensors[d][t]);
                    var to = device.Make(from.Type, from.Shape);
                    placed.Add(from);
                    results[d][t] = to;
                    parts.Add((from.Block.Address, to.Block.Address));
                }

                shares[d] = new CollectiveShare(device.Stream(), [.. parts]);
            }

            foreach (var t in chosen)
            {
                var doubts = tensors.Select(of => of[t]).OfType<CudaStorage>().Aggregate(Array.Empty<CudaDoubt>(), (all, one) => RunDoubts.Joined(all, one.Block.Doubts));
                foreach (var of in results)
                {
                    ((CudaStorage)of[t]).Block.Doubts = doubts;
                }
            }

            _collectives!.Sum(shares, [.. chosen.Select(t => (tensors[0][t].Type, tensors[0][t].Shape.Elements))]);

            // Their memory is not to be had again before the work on it has been asked for.
            GC.KeepAlive(placed);
        }
    }

    private static Storage OnHost(Storage[] tensors)
    {
        var (type, shape) = (tensors[0].Type, tensors[0].Shape);
        var wide = type.IsHalf() ? DType.Float32 : type;
        var instructions = new List<Instruction>();
        var sum = -1;
        for (var d = 0; d < tensors.Length; d++)
        {
            instructions.Add(new Instruction(new Operation.Input(d), default, type, shape));
            if (wide != type)
            {
                instructions.Add(new Instruction(new Operation.Cast(), new Axes(instructions.Count - 1), wide, shape));
            }

            var next = instructions.Count - 1;
            if (sum >= 0)
            {
                instructions.Add(new Instruction(new Operation.Elementwise(Pointwise.Add), new Axes(sum, next), wide, shape));
            }

            sum = instructions.Count - 1;
        }

        if (wide != type)
        {
            instructions.Add(new Instruction(new Operation.Cast(), new Axes(sum), type, shape));
        }

        return Device.Cpu.Prepare(new Program([.. instructions], [instructions.Count - 1])).Run([.. tensors.Select(t => t.ToHost())])[0];
    }

    private void Check(IReadOnlyList<IReadOnlyList<Storage>> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        if (tensors.Count != _devices.Length || tensors.Any(of => of.Count != tensors[0].Count))
        {
            throw new ArgumentException(
                $"Each of the {_devices.Length} devices adds as many tensors as the others, but there are {string.Join(", ", tensors.Select(of => of.Count))}.", nameof(tensors));
        }

        for (var t = 0; t < tensors[0].Count; t++)
        {
            var first = tensors[0][t];
            if (first.Type == DType.Bool || tensors.Any(of => of[t].Type != first.Type || !of[t].Shape.Equals(first.Shape)))
            {
                throw new ArgumentException(
                    $"The devices cannot add tensor {t}: it is {string.Join(" and ", tensors.Select(of => $"{of[t].Type.Name()}{of[t].Shape}").Distinct())}.", nameof(tensors));
            }
        }
    }
}
