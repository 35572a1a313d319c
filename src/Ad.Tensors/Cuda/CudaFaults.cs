namespace Ad.Tensors.Cuda;

/// <summary>
/// Whether a plan's kernels have found something wrong is not known while its runs are under way. Until the host waits for the device anyway this is open, and
/// whatever was computed from those runs is in doubt.
/// </summary>
/// <param name="device">The device that the plan is for.</param>
/// <param name="flag">Two words of its memory: the number of the first thing found wrong, and the value to blame.</param>
/// <param name="failures">What the numbers mean, from 1 on.</param>
internal sealed class CudaDoubt(CudaDevice device, CudaMemory flag, IReadOnlyList<Failure> failures)
{
    private (Failure Failure, long Value)? _found;

    public CudaDevice Device => device;

    /// <summary>Where kernels say what they found.</summary>
    public CudaMemory Flag => flag;

    /// <summary>Whether nobody has looked yet.</summary>
    public bool IsOpen { get; private set; } = true;

    /// <summary>Whether something was found wrong.</summary>
    public bool IsBad => _found is not null;

    /// <summary>Takes the two words as the device wrote them; whether there is a fault.</summary>
    public bool Settle(long number, long value)
    {
        _found = number == 0 ? null : (failures[(int)number - 1], value);
        IsOpen = false;
        return number != 0;
    }

    /// <summary>Throws what was found wrong, if anything was; late says that the host had gone on since.</summary>
    /// <exception cref="TensorException">An index was out of range.</exception>
    /// <exception cref="DivideByZeroException">An integer was divided by zero.</exception>
    public void Check(bool late)
    {
        if (_found is var (failure, value))
        {
            throw failure.Exception(value, late);
        }
    }
}

/// <summary>What kernels of a device may have found wrong since the host last waited: asked for along with whatever the host waits for.</summary>
internal sealed unsafe class CudaFaults(ICudaDriver driver)
{
    private const int FlagBytes = 16;
    private const int MostAtOnce = 256;

    private readonly List<CudaDoubt> _open = [];
    private nint _words;
    private int _asked;

    /// <summary>Remembers to look.</summary>
    public void Open(CudaDoubt doubt) => _open.Add(doubt);

    /// <summary>Has the flags copied to the host, without waiting for it.</summary>
    public void Ask()
    {
        _asked = Math.Min(_open.Count, MostAtOnce);
        if (_asked > 0 && _words == 0)
        {
            _words = driver.AllocateHost(MostAtOnce * FlagBytes);
        }

        for (var i = 0; i < _asked; i++)
        {
            driver.DownloadLater(_words + (i * FlagBytes), _open[i].Flag.Address, FlagBytes);
        }
    }

    /// <summary>Settles what was asked for, once the host has waited.</summary>
    public void Settle()
    {
        var words = (long*)_words;
        for (var i = 0; i < _asked; i++)
        {
            if (_open[i].Settle(words[2 * i], words[(2 * i) + 1]))
            {
                driver.Clear(_open[i].Flag.Address, FlagBytes);
            }
        }

        _open.RemoveRange(0, _asked);
        _asked = 0;
    }

    /// <summary>Waits for the device until nothing is open.</summary>
    public void Drain()
    {
        while (_open.Count > 0)
        {
            Ask();
            driver.Synchronize();
            Settle();
        }
    }
}

/// <summary>What the results of one run depend on: what its own kernels may find wrong, and what is open of its arguments.</summary>
internal sealed class RunDoubts(Func<CudaDoubt?> own, CudaDoubt[][] given)
{
    private CudaDoubt? _own = own();

    /// <summary>Throws what is known to be wrong with the arguments, or with the run so far.</summary>
    public void Check()
    {
        foreach (var doubt in given.SelectMany(g => g))
        {
            doubt.Check(late: true);
        }

        _own?.Check(late: false);
        _own = own();
    }

    /// <summary>What is open of the run's results.</summary>
    public CudaDoubt[] OfResults()
    {
        CudaDoubt[] all = _own is null ? [] : [_own];
        foreach (var doubts in given)
        {
            all = Joined(all, doubts);
        }

        return all;
    }

    /// <summary>What is in either and not known to be good; an array given as it is, where that is all.</summary>
    public static CudaDoubt[] Joined(CudaDoubt[] first, CudaDoubt[] second)
    {
        if (first.Length == 0 && second.All(IsKept))
        {
            return second;
        }

        CudaDoubt[] more = [.. second.Where(d => IsKept(d) && !first.Contains(d))];
        return more.Length == 0 ? first : [.. first, .. more];
    }

    private static bool IsKept(CudaDoubt doubt) => doubt.IsOpen || doubt.IsBad;
}
