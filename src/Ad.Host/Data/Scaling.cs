namespace Ad.Host;

/// <summary>Brings every feature to the interval from 0 to 1, as its least and greatest value among the training rows say.</summary>
public sealed class Scaling
{
    private Scaling(float[] offset, float[] factor) => (Offset, Factor) = (offset, factor);

    /// <summary>What is subtracted from each feature.</summary>
    public float[] Offset { get; }

    /// <summary>What each feature is then multiplied by; 0 for one that never varies.</summary>
    public float[] Factor { get; }

    /// <summary>The scaling that some rows ask for.</summary>
    public static Scaling Of(DataSet data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var low = new float[data.Features];
        var high = new float[data.Features];
        Array.Fill(low, float.PositiveInfinity);
        Array.Fill(high, float.NegativeInfinity);

        for (var i = 0; i < data.Inputs.Length; i++)
        {
            var feature = i % data.Features;
            low[feature] = Math.Min(low[feature], data.Inputs[i]);
            high[feature] = Math.Max(high[feature], data.Inputs[i]);
        }

        var factor = low.Zip(high, (l, h) => h > l ? (float)(1.0 / ((double)h - l)) : 0f).ToArray();
        return new Scaling(low, factor);
    }

    /// <summary>The same rows, scaled.</summary>
    public DataSet Apply(DataSet data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var inputs = new float[data.Inputs.Length];
        for (var i = 0; i < inputs.Length; i++)
        {
            var feature = i % data.Features;
            inputs[i] = (data.Inputs[i] - Offset[feature]) * Factor[feature];
        }

        return new DataSet(data.Name, data.Features, data.Classes, inputs, data.Labels, data.Example);
    }
}
