/* MPI, through its profiling names. What is called until something has happened (a message is there, a send is done)
 * counts when it has, so that there are as many calls as events; what failed then is lost. All that Open MPI does inside
 * is its own. */
#include "fail.h"

#include <mpi.h>

/* CODE, of the call NAME that was made; or a failure. */
static int end_call(const char *name, int code)
{
    fail_leave_library();
    return fail_now("mpi", name, 0) ? MPI_ERR_OTHER : code;
}

/* True when the call NAME is not to be made; else it is Open MPI's from here on. */
static bool refuse_call(const char *name)
{
    if (fail_now("mpi", name, 0))
        return true;
    fail_enter_library();
    return false;
}

static int leave_call(int code)
{
    fail_leave_library();
    return code;
}

int MPI_Init(int *count, char ***words)
{
    fail_enter_library();
    return end_call("MPI_Init", PMPI_Init(count, words));
}

int MPI_Comm_set_errhandler(MPI_Comm world, MPI_Errhandler handler)
{
    fail_enter_library();
    return end_call("MPI_Comm_set_errhandler", PMPI_Comm_set_errhandler(world, handler));
}

int MPI_Comm_dup(MPI_Comm world, MPI_Comm *copy)
{
    fail_enter_library();
    return end_call("MPI_Comm_dup", PMPI_Comm_dup(world, copy));
}

int MPI_Comm_rank(MPI_Comm world, int *rank)
{
    fail_enter_library();
    return end_call("MPI_Comm_rank", PMPI_Comm_rank(world, rank));
}

int MPI_Comm_size(MPI_Comm world, int *size)
{
    fail_enter_library();
    return end_call("MPI_Comm_size", PMPI_Comm_size(world, size));
}

int MPI_Improbe(int source, int tag, MPI_Comm world, int *found, MPI_Message *message, MPI_Status *status)
{
    fail_enter_library();
    const int code = PMPI_Improbe(source, tag, world, found, message, status);
    return *found ? end_call("MPI_Improbe", code) : leave_call(code);
}

int MPI_Get_count(const MPI_Status *status, MPI_Datatype type, int *count)
{
    fail_enter_library();
    return end_call("MPI_Get_count", PMPI_Get_count(status, type, count));
}

int MPI_Mrecv(void *bytes, int count, MPI_Datatype type, MPI_Message *message, MPI_Status *status)
{
    return refuse_call("MPI_Mrecv") ? MPI_ERR_OTHER : leave_call(PMPI_Mrecv(bytes, count, type, message, status));
}

int MPI_Isend(const void *bytes, int count, MPI_Datatype type, int to, int tag, MPI_Comm world, MPI_Request *request)
{
    if (refuse_call("MPI_Isend"))
        return MPI_ERR_OTHER;
    return leave_call(PMPI_Isend(bytes, count, type, to, tag, world, request));
}

int MPI_Test(MPI_Request *request, int *done, MPI_Status *status)
{
    fail_enter_library();
    const int code = PMPI_Test(request, done, status);
    return *done ? end_call("MPI_Test", code) : leave_call(code);
}

int MPI_Cancel(MPI_Request *request)
{
    return refuse_call("MPI_Cancel") ? MPI_ERR_OTHER : leave_call(PMPI_Cancel(request));
}

int MPI_Request_free(MPI_Request *request)
{
    return refuse_call("MPI_Request_free") ? MPI_ERR_OTHER : leave_call(PMPI_Request_free(request));
}

int MPI_Comm_free(MPI_Comm *world)
{
    return refuse_call("MPI_Comm_free") ? MPI_ERR_OTHER : leave_call(PMPI_Comm_free(world));
}

int MPI_Finalize(void)
{
    fail_enter_library();
    return end_call("MPI_Finalize", PMPI_Finalize());
}

int MPI_Abort(MPI_Comm world, int code)
{
    fail_enter_library();
    return leave_call(PMPI_Abort(world, code));
}

int MPI_Get_library_version(char *text, int *length)
{
    fail_enter_library();
    return end_call("MPI_Get_library_version", PMPI_Get_library_version(text, length));
}
