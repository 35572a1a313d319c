// A library with the calls of NCCL that are used: what a group of calls asks for is done when the group ends, and checked, in the order of the devices or the other way.
#include <cstdint>
#include <cstddef>
#include <vector>

typedef int Result;
enum { Success = 0, InvalidArgument = 4, InvalidUsage = 5, Sum = 0 };
struct Group;
struct Member { Group *group; int rank; };
struct Call { const void *from; void *to; size_t count; int type; void *stream; };
struct Group {
    std::vector<Member> members;
    std::vector<std::vector<Call>> calls;
};
static std::vector<Group *> groups;
static int depth, failing, sums;

template <class T> static void add(const std::vector<std::vector<Call>> &calls, size_t k) {
    std::vector<T> total(calls[0][k].count);
    for (size_t rank = 0; rank < calls.size(); rank++)
        for (size_t i = 0; i < total.size(); i++) {
            const T x = ((const T *)calls[rank][k].from)[i];
            total[i] = rank == 0 ? x : (T)(total[i] + x);
        }
    for (size_t rank = calls.size(); rank-- > 0;)
        for (size_t i = 0; i < total.size(); i++) ((T *)calls[rank][k].to)[i] = total[i];
}

extern "C" {
int fake_sums() { return sums; }
void fake_fail(int code) { failing = code; }

Result ncclGetVersion(int *version) { *version = 22105; return Success; }
Result ncclCommInitAll(Member **members, int count, const int *devices) {
    Group *group = new Group();
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < i; j++)
            if (devices[i] == devices[j]) return InvalidUsage;
        group->members.push_back(Member{ group, i });
    }
    group->calls.resize(count);
    for (int i = 0; i < count; i++) members[i] = &group->members[i];
    groups.push_back(group);
    return count > 0 ? Success : InvalidArgument;
}
Result ncclGroupStart() { depth++; return Success; }
Result ncclAllReduce(const void *from, void *to, size_t count, int type, int how, Member *member, void *stream) {
    if (failing) return failing;
    if (depth != 1 || how != Sum || count == 0 || !from || !to || (type != 2 && type != 4 && type != 7 && type != 8)) return InvalidArgument;
    member->group->calls[member->rank].push_back(Call{ from, to, count, type, stream });
    return Success;
}
Result ncclGroupEnd() {
    if (--depth < 0) return InvalidUsage;
    Result result = Success;
    for (Group *group : groups) {
        std::vector<std::vector<Call>> &calls = group->calls;
        for (size_t rank = 0; rank < calls.size() && result == Success; rank++) {
            if (calls[rank].size() != calls[0].size()) result = failing ? Success : InvalidUsage;
            for (size_t k = 0; k < calls[rank].size() && result == Success && !failing; k++)
                if (calls[rank][k].count != calls[0][k].count || calls[rank][k].type != calls[0][k].type) result = InvalidUsage;
        }
        for (size_t k = 0; k < calls[0].size() && result == Success && !failing; k++) {
            sums++;
            switch (calls[0][k].type) {
                case 2: add<int32_t>(calls, k); break;
                case 4: add<int64_t>(calls, k); break;
                case 7: add<float>(calls, k); break;
                default: add<double>(calls, k);
            }
        }
        for (std::vector<Call> &c : calls) c.clear();
    }
    return result;
}
}
