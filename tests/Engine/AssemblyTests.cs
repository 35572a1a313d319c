using System.Reflection;
using Xunit;

namespace Engine;

public sealed class AssemblyTests
{
    [Fact]
    public void The_engine_does_not_know_the_kernel() =>
        Assert.DoesNotContain(
            Assembly.Load("Ad.Tensors").GetReferencedAssemblies(),
            name => name.Name is "Ad.Functional" or "FSharp.Core");
}
