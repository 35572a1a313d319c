# Sourced: sets NUGET_FEED, when unset, to the first enabled source of this person's NuGet configuration.
if [[ -z ${NUGET_FEED:-} ]]; then
    NUGET_FEED=$(dotnet nuget list source --format short | sed -n 's/^E[A-Z]* //p' | head -n 1)
    export NUGET_FEED
fi
