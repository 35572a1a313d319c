namespace Ad.Tensors.Cuda;

/// <summary>
/// The work of one plan written down as graphs, one for each set of buffers it was run with twice: a steady state goes round among a few. A plan
/// that the driver will not write down is run step by step ever after. Steps that have nothing to do with each other are on different streams of a graph.
/// </summary>
internal sealed class CudaGraphs(CudaDevice device, IReadOnlyList<long> slotBytes)
{
    private const int MostGraphs = 8;
    private const int MostSeen = 64;

    private readonly HashSet<Key> _seen = [];
    private readonly Dictionary<Key, (nint Graph, List<CudaMemory> Kept)> _graphs = [];
    private bool _refused;

    ~CudaGraphs()
    {
        foreach (var (graph, _) in _graphs.Values)
        {
            device.Forgotten.Enqueue(driver => driver.Forget(graph));
        }
    }

    /// <summary>Runs the steps as a graph, if there is one for these buffers or it is time to make it.</summary>
    public bool TryRun(CudaFrame frame, CudaStep[] steps)
    {
        if (_refused)
        {
            return false;
        }

        var key = new Key(frame.Addresses.ToArray());
        if (_graphs.TryGetValue(key, out var known))
        {
            device.Driver.Replay(known.Graph);
            device.Replays++;
            return true;
        }

        if (_seen.Add(key))
        {
            if (_seen.Count > MostSeen)
            {
                _seen.Clear();
            }

            return false;
        }

        return TryCapture(frame, steps, key);
    }

    private bool TryCapture(CudaFrame frame, CudaStep[] steps, Key key)
    {
        var (kept, marks) = (new List<CudaMemory>(), new List<nint>());
        nint graph;
        try
        {
            device.Driver.BeginCapture();
            frame.Kept = kept;
            try
            {
                Write(frame, steps, marks);
            }
            finally
            {
                (frame.Kept, frame.Stream) = (null, 0);
                device.Driver.On(0);
                graph = device.Driver.EndCapture();
            }
        }
        catch (CudaException e) when (!e.IsFatal)
        {
            _refused = true;
            Release(kept);
            return false;
        }
        finally
        {
            marks.ForEach(device.Driver.Unmark);
        }

        if (_graphs.Count >= MostGraphs)
        {
            foreach (var (old, blocks) in _graphs.Values)
            {
                device.Driver.Forget(old);
                Release(blocks);
            }

            _graphs.Clear();
        }

        _graphs[key] = (graph, kept);
        device.Driver.Replay(graph);
        device.Replays++;
        return true;
    }

    // Side streams begin with the first and end in it; where one step waits for another's stream, a mark says when it may go on.
    private void Write(CudaFrame frame, CudaStep[] steps, List<nint> marks)
    {
        var (driver, schedule) = (device.Driver, StreamSchedule.Of(steps, frame.Addresses, slotBytes));
        var ends = new Dictionary<int, nint>();
        nint Marked()
        {
            marks.Add(driver.Mark());
            return marks[^1];
        }

        void Follow(int stream, nint mark)
        {
            driver.On(stream);
            driver.Follow(mark);
        }

        var begin = schedule.Count > 1 ? Marked() : 0;
        for (var stream = 1; stream < schedule.Count; stream++)
        {
            Follow(stream, begin);
        }

        for (var k = 0; k < steps.Length; k++)
        {
            frame.Stream = schedule.Streams[k];
            driver.On(frame.Stream);
            foreach (var awaited in schedule.Waits[k])
            {
                driver.Follow(ends[awaited]);
            }

            frame.Run([steps[k]]);
            if (schedule.Awaited.Contains(k))
            {
                ends[k] = Marked();
            }
        }

        for (var stream = 1; stream < schedule.Count; stream++)
        {
            driver.On(stream);
            Follow(0, Marked());
        }
    }

    private static void Release(List<CudaMemory> blocks)
    {
        foreach (var block in blocks)
        {
            block.Dispose();
        }
    }

    /// <summary>A set of buffers, by their addresses.</summary>
    private readonly struct Key(ulong[] addresses) : IEquatable<Key>
    {
        private readonly ulong[] _addresses = addresses;

        public bool Equals(Key other) => _addresses.AsSpan().SequenceEqual(other._addresses);

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(_addresses.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
