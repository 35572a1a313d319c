using System.Reflection;
using System.Reflection.Emit;
using Ad.Checks;
using Ad.Host;
using Xunit;

namespace Shell;

/// <summary>What gradcheck finds in this assembly: one right function, and one whose claimed gradient lacks a factor.</summary>
public static class Marked
{
    [GradientChecked]
    public static GradientExample Right => GradientExample.Of(x => (x[0] * x[0]) + (x[1] * x[0]), x => [(2 * x[0]) + x[1], x[0]], [3.0, 2.0]);

    [GradientChecked]
    internal static GradientExample[] Wrong() => [GradientExample.Of(x => x[0] * x[0], x => [x[0]], [3.0])];
}

public sealed class UserAssemblyTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static IReadOnlyList<LawResult> Check(string file) => UserAssembly.Check(file, _ => { }, default);

    private static string Refused(string file) => Assert.Throws<ShellException>(() => Check(file)).Message;

    /// <summary>An assembly of one type with one marked static field of this type, null.</summary>
    private string Field(Type type, bool isStatic = true, string name = "Field")
    {
        var assembly = new PersistedAssemblyBuilder(new AssemblyName("Users"), typeof(object).Assembly);
        var owner = assembly.DefineDynamicModule("Users").DefineType("Mine", TypeAttributes.Public);
        owner.DefineField(name, type, FieldAttributes.Public | (isStatic ? FieldAttributes.Static : 0))
            .SetCustomAttribute(new CustomAttributeBuilder(typeof(GradientCheckedAttribute).GetConstructor([])!, []));
        owner.CreateType();
        assembly.Save(_scratch["Users.dll"]);
        return _scratch["Users.dll"];
    }

    [Fact]
    public void Marked_members_are_checked_and_a_wrong_gradient_fails()
    {
        var results = Check(typeof(Marked).Assembly.Location);
        Assert.Equal([("Shell.Marked.Right", true), ("Shell.Marked.Wrong[0]", false)], results.Select(r => (r.Operation, r.Passed)));
        Assert.Contains("Failed: the derivative is wrong", results[1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_refused() =>
        Assert.Contains("there is no such file", Refused(_scratch["none.dll"]), StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_no_assembly_is_refused()
    {
        File.WriteAllText(_scratch["text.dll"], "text");
        Assert.Contains("which is no .NET assembly", Refused(_scratch["text.dll"]), StringComparison.Ordinal);
    }

    [Fact]
    public void An_assembly_that_marks_nothing_is_refused() =>
        Assert.Contains("Ad.Checks has no member that is marked", Refused(typeof(GradientExample).Assembly.Location), StringComparison.Ordinal);

    [Fact]
    public void A_member_of_another_type_is_refused_by_name() =>
        Assert.Contains("Mine.Field is marked [GradientChecked], but gives Int32", Refused(Field(typeof(int))), StringComparison.Ordinal);

    [Fact]
    public void A_member_that_is_not_static_is_refused_by_name() =>
        Assert.Contains("Mine.Field is marked [GradientChecked], but is not static", Refused(Field(typeof(GradientExample), false)), StringComparison.Ordinal);

    [Fact]
    public void The_field_behind_a_let_of_FSharp_is_not_checked_again() =>
        Assert.Contains("Users has no member that is marked", Refused(Field(typeof(GradientExample), name: "cube@")), StringComparison.Ordinal);

    [Fact]
    public void A_member_that_gives_null_fails() =>
        Assert.Equal(("Mine.Field", false, "It gives null."), Assert.Single(Check(Field(typeof(GradientExample)))) is var r ? (r.Operation, r.Passed, r.Message) : default);
}
