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
        if (!_marks.ContainsKey(mark))
        {
            throw CudaException.Of("cuStreamWaitEvent", InvalidHandle);
        }

        (_recording ?? throw CudaException.Of("cuStreamWaitEvent", 901)).Follow(mark, LosesWaits);
    }

    public void BeginCapture()
    {
        NotWhileRecording("cuStreamBeginCapture");
        _recording = new Recording();
    }

    public nint EndCapture()
    {
        var recording = _recording ?? throw CudaException.Of("cuStreamEndCapture", 901);
        _recording = null;
        Called("cuStreamEndCapture");
        if (!recording.IsJoined)
        {
            throw CudaException.Of("cuStreamEndCapture", 904);
        }

        var graph = _next++;
        _graphs[graph] = recording;
        return graph;
    }

    public void Replay(nint graph)
    {
        NotWhileRecording("cuGraphLaunch");
        if (!_graphs.TryGetValue(graph, out var recording))
        {
            throw CudaException.Of("cuGraphLaunch", InvalidHandle);
        }

        CatchUp();
        recording.Replay();
    }

    public void Forget(nint graph)
    {
        Called("cuGraphExecDestroy");
        if (!_graphs.Remove(graph))
        {
            throw CudaException.Of("cuGraphExecDestroy", InvalidHandle);
        }
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
