using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>
/// Work that is written down: what each piece comes after, by its stream and by marks. Done again, it is in another order each time, any that this allows, so that
/// a wait that was forgotten shows.
/// </summary>
internal sealed class Recording
{
    private readonly List<(Action Work, HashSet<int> After)> _pieces = [];
    private readonly Dictionary<nint, HashSet<int>> _marks = [];
    private readonly Dictionary<int, HashSet<int>> _ends = new() { [0] = [] };
    private readonly Random _random = new(7);
    private int _stream;

    /// <summary>The stream that work is for.</summary>
    public int Stream
    {
        get => _stream;
        set => _stream = value;
    }

    /// <summary>Whether all streams end in the first.</summary>
    public bool IsJoined => _ends.Values.All(end => end.IsSubsetOf(Before(_ends[0])));

    /// <summary>Adds a piece of work.</summary>
    public void Add(Action work)
    {
        _pieces.Add((work, [.. End("cuLaunchKernel")]));
        _ends[_stream] = [_pieces.Count - 1];
    }

    /// <summary>Remembers what a mark comes after.</summary>
    public void Mark(nint mark) => _marks[mark] = [.. End("cuEventRecord")];

    /// <summary>Has what comes next on the stream wait for a mark; a stream that was not there begins with that. The first's own waits are never lost.</summary>
    public void Follow(nint mark, bool isLost)
    {
        var begins = _ends.TryAdd(_stream, []);
        if (!isLost || begins || _stream == 0)
        {
            _ends[_stream].UnionWith(_marks[mark]);
        }
    }

    /// <summary>Does it all.</summary>
    public void Replay()
    {
        var open = Enumerable.Range(0, _pieces.Count).ToList();
        var done = new HashSet<int>();
        while (open.Count > 0)
        {
            var ready = open.Where(p => _pieces[p].After.IsSubsetOf(done)).ToArray();
            var next = ready[_random.Next(ready.Length)];
            _pieces[next].Work();
            done.Add(next);
            open.Remove(next);
        }
    }

    // What a stream ends in; one that follows nothing written down is not part of it.
    private HashSet<int> End(string call) => _ends.TryGetValue(_stream, out var end) ? end : throw CudaException.Of(call, 900);

    private HashSet<int> Before(HashSet<int> ends)
    {
        var before = new HashSet<int>(ends);
        for (var p = _pieces.Count - 1; p >= 0; p--)
        {
            if (before.Contains(p))
            {
                before.UnionWith(_pieces[p].After);
            }
        }

        return before;
    }
}
