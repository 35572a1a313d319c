using Ad.Tensors.Cuda;

namespace HostCuda;

/// <summary>Work that is written down rather than done, on several streams.</summary>
internal sealed unsafe partial class HostDriver
{
    private readonly Dictionary<nint, Recording> _graphs = [];
    private Recording? _recording;

    public void On(int stream)
    {
        if (_recording is { } recording)
        {
            recording.Stream = stream;
        }
        else if (stream != 0)
        {
            throw new InvalidOperationException("Several streams are for work that is written down.");
        }
    }

    public void Follow(nint mark)
    {
        Called("cuStreamWaitEvent");
        (_recording ?? throw CudaException.Of("cuStreamWaitEvent", 901)).Follow(mark, LosesWaits);
    }

    public void BeginCapture()
    {
        Called("cuStreamBeginCapture");
        _recording = new Recording();
    }

    public nint EndCapture()
    {
        var graph = _next++;
        _graphs[graph] = _recording ?? throw CudaException.Of("cuStreamEndCapture", 901);
        _recording = null;
        Called("cuStreamEndCapture");
        return _graphs[graph].IsJoined ? graph : throw CudaException.Of("cuStreamEndCapture", 904);
    }

    public void Replay(nint graph)
    {
        Called("cuGraphLaunch");
        CatchUp();
        _graphs[graph].Replay();
    }

    public void Forget(nint graph)
    {
        Called("cuGraphExecDestroy");
        _graphs.Remove(graph);
    }

    private void NotWhileRecording(string call)
    {
        Called(call);
        if (_recording is not null)
        {
            throw CudaException.Of(call, 900);
        }
    }
}
