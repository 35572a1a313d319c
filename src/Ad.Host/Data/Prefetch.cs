using System.Threading.Channels;

namespace Ad.Host;

/// <summary>Makes the elements of a sequence ahead of whoever takes them, on another thread, in the same order.</summary>
public static class Prefetch
{
    /// <summary>The same elements, at most so many made before they are asked for; a failure comes where its element would.</summary>
    public static IEnumerable<T> Ahead<T>(IEnumerable<T> source, int count)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return Taken(source, count);
    }

    private static IEnumerable<T> Taken<T>(IEnumerable<T> source, int count)
    {
        var channel = Channel.CreateBounded<T>(count);
        using var stop = new CancellationTokenSource();
        var maker = Task.Run(() => Make(source, channel.Writer, stop.Token), CancellationToken.None);
        try
        {
            while (channel.Reader.WaitToReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult())
            {
                while (channel.Reader.TryRead(out var item))
                {
                    yield return item;
                }
            }
        }
        finally
        {
            // Whoever stops early waits for the element in the making, and for no more.
            stop.Cancel();
            maker.GetAwaiter().GetResult();
        }
    }

    private static async Task Make<T>(IEnumerable<T> source, ChannelWriter<T> writer, CancellationToken stop)
    {
        try
        {
            foreach (var item in source)
            {
                await writer.WriteAsync(item, stop).ConfigureAwait(false);
            }

            writer.Complete();
        }
        catch (Exception e)
        {
            writer.Complete(e is OperationCanceledException && stop.IsCancellationRequested ? null : e);
        }
    }
}
