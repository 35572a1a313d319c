using Ad.Host;
using Xunit;

namespace Shell;

public sealed class PrefetchTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public void Elements_come_in_their_order(int ahead) =>
        Assert.Equal(Enumerable.Range(0, 200), Prefetch.Ahead(Enumerable.Range(0, 200), ahead));

    [Fact]
    public void No_more_are_made_than_asked_for_ahead()
    {
        var made = 0;
        using var taken = Prefetch.Ahead(Enumerable.Range(0, 100).Select(i => { Interlocked.Increment(ref made); return i; }), 4).GetEnumerator();
        taken.MoveNext();
        Thread.Sleep(50);

        // One is in hand, four wait, and one more is made and cannot yet be put down.
        Assert.InRange(Volatile.Read(ref made), 1, 6);
    }

    [Fact]
    public void Who_stops_early_stops_the_making()
    {
        var made = 0;
        foreach (var i in Prefetch.Ahead(Enumerable.Range(0, int.MaxValue).Select(i => { Interlocked.Increment(ref made); return i; }), 2))
        {
            if (i == 5)
            {
                break;
            }
        }

        var then = Volatile.Read(ref made);
        Thread.Sleep(50);
        Assert.Equal(then, Volatile.Read(ref made));
    }

    [Fact]
    public void A_failure_comes_where_its_element_would()
    {
        var seen = new List<int>();
        var e = Assert.Throws<InvalidDataException>(() =>
        {
            foreach (var i in Prefetch.Ahead(Enumerable.Range(0, 10).Select(i => i == 7 ? throw new InvalidDataException("seven") : i), 3))
            {
                seen.Add(i);
            }
        });
        Assert.Equal("seven", e.Message);
        Assert.Equal(Enumerable.Range(0, 7), seen);
    }
}
